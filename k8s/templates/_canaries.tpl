{{/* The suite without what belongs to canaries that are not declared; . is {suite, declared, namespace}.
     This only takes away: what a canary may is in files/suite.yaml, made where all else is made. */}}
{{- define "quartet.canaries.declared" -}}
{{- $suite := .suite -}}
{{- $gone := dict -}}
{{- range $id, $app := $suite.apps -}}
{{- if and $app.canaryOf (not (hasKey $.declared $app.canaryOf)) -}}
{{- $_ := set $gone $id true -}}
{{- end -}}
{{- end -}}
{{- range $id, $_ := $gone -}}
{{- $_ := unset $suite.apps $id -}}
{{- $_ := unset $suite.configurations $id -}}
{{- end -}}
{{- range $_, $spec := $suite.configurations -}}
{{- $policies := list -}}
{{- range $spec.accessControl.policies -}}
{{- if not (hasKey $gone .appId) -}}{{- $policies = append $policies . -}}{{- end -}}
{{- end -}}
{{- $_ := set $spec.accessControl "policies" $policies -}}
{{- end -}}
{{- $resources := list -}}
{{- range $suite.resources -}}
{{- $scopes := list -}}
{{- range .scopes -}}
{{- if not (hasKey $gone .) -}}{{- $scopes = append $scopes . -}}{{- end -}}
{{- end -}}
{{- if eq .kind "Resiliency" -}}
{{- $actors := .spec.targets.actors -}}
{{- range $id, $_ := $gone -}}
{{- $_ := unset $actors (printf "dapr.internal.%s.%s.workflow" $.namespace $id) -}}
{{- end -}}
{{- end -}}
{{- /* A resource without scopes is everybody's: one whose last scope went, goes too. */ -}}
{{- if or $scopes (not .scopes) -}}
{{- if .scopes -}}{{- $_ := set . "scopes" $scopes -}}{{- end -}}
{{- $resources = append $resources . -}}
{{- end -}}
{{- end -}}
{{- $_ := set $suite "resources" $resources -}}
{{- toYaml $suite -}}
{{- end -}}

{{/* The values that count for an app-id, as YAML; a canary has its base's with its own over them. */}}
{{- define "quartet.canaries.own" -}}
{{- $values := .root.Values -}}
{{- $base := .app.canaryOf | default .id -}}
{{- $own := mergeOverwrite (deepCopy $values.defaults) (get $values.apps $base | default dict | deepCopy) -}}
{{- if .app.canaryOf -}}
{{- $other := get $values.canaries $base | default dict | deepCopy -}}
{{- /* An image of its own is that image: no tag or digest of the base's stands beside it. */ -}}
{{- if $other.image -}}{{- $own = omit $own "image" -}}{{- end -}}
{{- $own = mergeOverwrite $own $other -}}
{{- end -}}
{{- toYaml $own -}}
{{- end -}}

{{/* The image of an app-id: its own digest or tag, else those of all. */}}
{{- define "quartet.canaries.image" -}}
{{- $own := .own.image | default dict -}}
{{- $repository := $own.repository | default .root.Values.image.repository -}}
{{- if $own.digest -}}{{ $repository }}@{{ $own.digest }}
{{- else if $own.tag -}}{{ $repository }}:{{ $own.tag }}
{{- else -}}{{ $repository }}{{ include "quartet.image" .root | trimPrefix .root.Values.image.repository }}{{- end -}}
{{- end -}}

{{/* Every app knows which specialists have a canary; . is as in quartet.app.env. */}}
{{- define "quartet.canaries.env" -}}
{{- with .root.Values.canaries }}
- {name: QUARTET_CANARIES, value: {{ keys . | sortAlpha | join "," | quote }}}
{{- end }}
{{- if .own.prompts }}
- {name: QUARTET_PROMPTS, value: /etc/quartet/prompts}
{{- end }}
{{- end -}}

{{- define "quartet.canaries.volume" -}}
{{- if .own.prompts }}
- name: prompts
  configMap: {name: {{ include "quartet.fullname" .root }}-{{ .id }}-prompts}
{{- end }}
{{- end -}}

{{- define "quartet.canaries.mount" -}}
{{- if .own.prompts }}
- {name: prompts, mountPath: /etc/quartet/prompts, readOnly: true}
{{- end }}
{{- end -}}
