{{/* What has to be right before anything is made; each message says what to do. */}}
{{- define "quartet.checks" -}}
{{- if not (.Capabilities.APIVersions.Has "dapr.io/v1alpha1/Component") -}}
{{- fail "Dapr is not on this cluster: install Dapr 1.18.2 or later first (helm install dapr dapr/dapr -n dapr-system --create-namespace --wait; k8s/README.md says with which settings)." -}}
{{- end -}}
{{- if not (.Capabilities.APIVersions.Has "dapr.io/v1alpha1/WorkflowAccessPolicy") -}}
{{- fail "The Dapr of this cluster is too old: it has no WorkflowAccessPolicy. Upgrade it to 1.18.2 or later, its CRDs included." -}}
{{- end -}}
{{- if not .Values.devStores.enabled -}}
{{- if not .Values.redis.host -}}
{{- fail "There is no Redis: give redis.host (host:port) and redis.existingSecret, or for development devStores.enabled=true." -}}
{{- end -}}
{{- if not .Values.redis.existingSecret -}}
{{- fail "There is no password for Redis: name a Secret in redis.existingSecret." -}}
{{- end -}}
{{- range $name, $one := .Values.databases -}}
{{- if not $one.existingSecret -}}
{{- fail (printf "There is no database %q: name the Secret with its URL in databases.%s.existingSecret, or for development devStores.enabled=true." $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $people := list .Values.people.issuer .Values.people.audience .Values.people.jwksUrl | compact | len -}}
{{- if and (gt $people 0) (lt $people 3) -}}
{{- fail "Half an issuer of people: give all of people.issuer, people.audience and people.jwksUrl, or none." -}}
{{- end -}}
{{- range $id, $_ := .Values.apps -}}
{{- if not (hasKey (include "quartet.suite" $ | fromYaml).apps $id) -}}
{{- fail (printf "apps.%s: pack %s has no such app-id; it has %s." $id $.Values.pack ((include "quartet.suite" $ | fromYaml).apps | keys | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
