{{/* One app-id's Deployment; . is {root, id, app, own}: own are the values that count for it. */}}
{{- define "quartet.app.env" -}}
{{- $full := include "quartet.fullname" .root -}}
{{- $values := .root.Values -}}
- {name: APP_ID, value: {{ .id }}}
- {name: APP_PORT, value: {{ .app.port | quote }}}
- {name: QUARTET_DATA, value: /data}
- {name: QUARTET_PACK, value: {{ $values.pack }}}
{{- include "quartet.canaries.env" . }}
- {name: QUARTET_SUITE, value: "spiffe://{{ $values.trustDomain }}/ns/{{ .root.Release.Namespace }}"}
- name: DAPR_API_TOKEN
  valueFrom: {secretKeyRef: {name: {{ $full }}-{{ .id }}-api, key: token}}
- name: APP_API_TOKEN
  valueFrom: {secretKeyRef: {name: {{ $full }}-{{ .id }}-app, key: token}}
{{- if eq .id "console" }}
- {name: QUARTET_HOST, value: "0.0.0.0"}
{{- end }}
{{- if eq .id "toolbox" }}
- {name: QUARTET_POLICY_MODE, value: {{ $values.policy.mode }}}
{{- end }}
{{- if and (eq .id "models") $values.models.config }}
- {name: QUARTET_MODELS, value: /etc/quartet/models.yaml}
{{- end }}
{{- with .app.database }}
{{ include "quartet.databaseEnv" (dict "root" $.root "name" .) }}
{{- end }}
{{- with $values.people }}
{{- if .issuer }}
- {name: QUARTET_ISSUER, value: {{ .issuer | quote }}}
- {name: QUARTET_AUDIENCE, value: {{ .audience | quote }}}
- {name: QUARTET_ISSUER_KEYS, value: {{ .jwksUrl | quote }}}
{{- end }}
{{- end }}
{{- with .own.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What the console is told in files: whom to tell of what, and who people are elsewhere. */}}
{{- define "quartet.console.files" -}}
{{- $files := dict -}}
{{- with .Values.console.notices }}{{ $_ := set $files "notices.yaml" . }}{{ end -}}
{{- if .Values.people.issuer -}}
{{- with .Values.people.listed }}{{ $_ := set $files "people.yaml" . }}{{ end -}}
{{- end -}}
{{- with $files }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "quartet.databaseEnv" -}}
{{- $one := get .root.Values.databases .name -}}
- name: QUARTET_{{ upper .name }}_URL
{{- if .root.Values.devStores.enabled }}
  valueFrom: {secretKeyRef: {name: {{ include "quartet.fullname" .root }}-database-{{ .name }}, key: url}}
{{- else }}
  valueFrom: {secretKeyRef: {name: {{ $one.existingSecret }}, key: {{ $one.urlKey }}}}
{{- end }}
{{- end -}}

{{/* What the components of this app-id sign in with. */}}
{{- define "quartet.app.logins" -}}
{{- $id := .id -}}
{{- $names := list -}}
{{- range .suite.resources -}}
{{- if and (eq .kind "Component") .scopes -}}
{{- if has $id .scopes -}}
{{- range .spec.metadata -}}
{{- with .secretKeyRef }}{{- $names = append $names .name -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $names | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* The sidecar's own secrets, NAME=secret:key, as the injector takes them. */}}
{{- define "quartet.app.sidecarSecrets" -}}
{{- $full := include "quartet.fullname" .root -}}
{{- $values := .root.Values -}}
{{- $given := list (printf "QUARTET_SIGNING_SEED=%s-%s-signing:seed" $full .id) -}}
{{- $logins := dict
      "REDIS_PASSWORD" (printf "%s:%s" (include "quartet.redisSecret" .root) (include "quartet.redisPasswordKey" .root))
      "STATE_URL" (printf "%s:%s" $values.state.existingSecret $values.state.urlKey)
      "KAFKA_PASSWORD" (printf "%s:%s" $values.broker.kafka.existingSecret $values.broker.kafka.passwordKey) -}}
{{- range include "quartet.app.logins" . | fromJsonArray -}}
{{- $given = append $given (printf "QUARTET_%s=%s" . (get $logins .)) -}}
{{- end -}}
{{- if eq .id "console" -}}
{{- $given = append $given (printf "QUARTET_WEBHOOK_KEY=%s-notices:webhook-key" $full) -}}
{{- with $values.console.smtp }}{{ if .secretName -}}
{{- $given = append $given (printf "QUARTET_SMTP_PASSWORD=%s:%s" .secretName .key) -}}
{{- end }}{{ end -}}
{{- end -}}
{{- if eq .id "models" -}}
{{- range $name, $one := $values.models.keys -}}
{{- $given = append $given (printf "QUARTET_%s=%s:%s" $name $one.secretName $one.key) -}}
{{- end -}}
{{- end -}}
{{- join "," $given -}}
{{- end -}}

{{/* What the gate waits for: the Dapr resources of this app-id, as this release has them. */}}
{{- define "quartet.app.gate" -}}
{{- $id := .id -}}
{{- $wanted := list (printf "configurations/%s" $id) -}}
{{- $plural := dict "Component" "components" "Resiliency" "resiliencies" "WorkflowAccessPolicy" "workflowaccesspolicies" -}}
{{- range .suite.resources -}}
{{- if or (not .scopes) (has $id .scopes) -}}
{{- $wanted = append $wanted (printf "%s/%s" (get $plural .kind) .metadata.name) -}}
{{- end -}}
{{- end -}}
{{- $gate := dict "namespace" .root.Release.Namespace "content" (include "quartet.content" .root) "resources" $wanted -}}
{{- with .app.database }}{{ $_ := set $gate "database" (printf "QUARTET_%s_URL" (upper .)) }}{{ end -}}
{{- toJson $gate -}}
{{- end -}}

{{- define "quartet.app.annotations" -}}
{{- $full := include "quartet.fullname" .root -}}
{{- $sidecar := .root.Values.sidecar -}}
quartet.dev/content: {{ include "quartet.content" .root | quote }}
dapr.io/enabled: "true"
dapr.io/app-id: {{ .id }}
dapr.io/app-port: {{ .app.port | quote }}
dapr.io/app-protocol: http
dapr.io/config: {{ .id }}
dapr.io/api-token-secret: {{ $full }}-{{ .id }}-api
dapr.io/app-token-secret: {{ $full }}-{{ .id }}-app
dapr.io/env-from-secret: {{ include "quartet.app.sidecarSecrets" . | quote }}
dapr.io/disable-builtin-k8s-secret-store: "true"
dapr.io/enable-native-sidecar: "true"
dapr.io/sidecar-listen-addresses: "127.0.0.1"
dapr.io/max-body-size: {{ .suite.sidecar.maxBodySize }}
dapr.io/read-buffer-size: {{ .suite.sidecar.readBufferSize }}
dapr.io/log-level: {{ $sidecar.logLevel }}
dapr.io/log-as-json: "true"
dapr.io/graceful-shutdown-seconds: {{ $sidecar.gracefulShutdownSeconds | quote }}
dapr.io/enable-metrics: {{ .root.Values.metrics.enabled | quote }}
{{- with $sidecar.resources }}
dapr.io/sidecar-cpu-request: {{ .requests.cpu | quote }}
dapr.io/sidecar-memory-request: {{ .requests.memory | quote }}
dapr.io/sidecar-memory-limit: {{ .limits.memory | quote }}
{{- with .limits.cpu }}
dapr.io/sidecar-cpu-limit: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "quartet.app.probes" -}}
{{- $exec := list "python3" "-IS" "/app/quartet/service/probe.py" (printf "%v" .app.port) -}}
startupProbe:
  exec: {command: {{ toJson $exec }}}
  # Each look is a process of its own: many pods that start at once are not to be kept from it.
  initialDelaySeconds: 3
  periodSeconds: 3
  timeoutSeconds: 5
  failureThreshold: 40
readinessProbe:
  exec: {command: {{ toJson $exec }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
livenessProbe:
  exec: {command: {{ toJson $exec }}}
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 4
{{- end -}}

{{- define "quartet.app.volumes" -}}
{{- $full := include "quartet.fullname" .root -}}
{{- $values := .root.Values -}}
- name: data
  emptyDir: {}
- name: tmp
  emptyDir: {}
- name: trust
  configMap: {name: {{ $full }}-trust}
- {{ include "quartet.apiTokenVolume" . | nindent 2 | trim }}
{{- if .files }}
- name: files
  {{- if $values.persistence.enabled }}
  persistentVolumeClaim: {claimName: {{ $full }}-{{ .id }}}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- if and (eq .id "models") $values.models.config }}
- name: models
  configMap: {name: {{ $full }}-models}
{{- end }}
{{- if and (eq .id "console") (include "quartet.console.files" .root) }}
- name: console
  configMap: {name: {{ $full }}-console}
{{- end }}
{{- with .own.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- include "quartet.canaries.volume" . }}
{{- end -}}

{{- define "quartet.app.mounts" -}}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
- {name: trust, mountPath: /data/trust, readOnly: true}
{{- if eq .id "console" }}
{{- if not .root.Values.people.issuer }}
- {name: trust, mountPath: /data/people.yaml, subPath: people.yaml, readOnly: true}
{{- end }}
{{- range $name, $_ := include "quartet.console.files" .root | fromYaml }}
- {name: console, mountPath: /data/{{ $name }}, subPath: {{ $name }}, readOnly: true}
{{- end }}
{{- end }}
{{- if .files }}
- {name: files, mountPath: /data/{{ .id }}}
{{- end }}
{{- if and (eq .id "models") .root.Values.models.config }}
- {name: models, mountPath: /etc/quartet, readOnly: true}
{{- end }}
{{- with .own.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- include "quartet.canaries.mount" . }}
{{- end -}}
