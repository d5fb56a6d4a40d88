{{/* Names. */}}
{{- define "quartet.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 30 | trimSuffix "-" -}}
{{- end -}}

{{- define "quartet.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels that stay the same over upgrades. */}}
{{- define "quartet.selectorLabels" -}}
app.kubernetes.io/name: quartet
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "quartet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "quartet.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimAll "._-" | quote }}
app.kubernetes.io/part-of: quartet
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The suite of the chosen pack as JSON; read once, since it is asked for often. */}}
{{- define "quartet.suite" -}}
{{- if not (hasKey .Values "_suite") -}}
{{- $_ := set .Values "_suite" (include "quartet.suite.read" . | fromYaml | toJson) -}}
{{- end -}}
{{- .Values._suite -}}
{{- end -}}

{{/* files/suite.yaml with this release's words. */}}
{{- define "quartet.suite.read" -}}
{{- $text := .Files.Get "files/suite.yaml"
      | replace "@namespace@" .Release.Namespace
      | replace "@trust-domain@" .Values.trustDomain
      | replace "@redis@" (include "quartet.redisHost" .)
      | replace "@redis-user@" .Values.redis.username
      | replace "@kafka@" .Values.broker.kafka.brokers -}}
{{- $packs := (fromYaml $text).packs -}}
{{- if not (hasKey $packs .Values.pack) -}}
{{- fail (printf "There is no pack %q in this chart; there is: %s." .Values.pack (keys $packs | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $suite := get $packs .Values.pack -}}
{{- $others := concat (get $suite.swaps.state .Values.state.type | default list) (get $suite.swaps.broker .Values.broker.type | default list) -}}
{{- $instead := dict -}}
{{- range $others -}}{{- $_ := set $instead .metadata.name . -}}{{- end -}}
{{- $resources := list -}}
{{- range $suite.resources -}}
{{- $one := ternary (get $instead .metadata.name) . (and (eq .kind "Component") (hasKey $instead .metadata.name)) -}}
{{- $_ := include "quartet.connected" (dict "root" $ "resource" $one) -}}
{{- $resources = append $resources $one -}}
{{- end -}}
{{- $swapped := set (omit $suite "swaps") "resources" $resources -}}
{{- include "quartet.canaries.declared" (dict "suite" $swapped "declared" (.Values.canaries | default dict) "namespace" .Release.Namespace) -}}
{{- end -}}

{{/* Adds to a component how this release reaches its technology: TLS, and signing in to Kafka. */}}
{{- define "quartet.connected" -}}
{{- $values := .root.Values -}}
{{- $spec := .resource.spec -}}
{{- $kind := $spec.type | default "" -}}
{{- if and (hasSuffix ".redis" $kind) $values.redis.tls (not $values.devStores.enabled) -}}
{{- $_ := set $spec "metadata" (append $spec.metadata (dict "name" "enableTLS" "value" "true")) -}}
{{- end -}}
{{- if eq $kind "pubsub.kafka" -}}
{{- $kafka := $values.broker.kafka -}}
{{- $how := list
      (dict "name" "disableTls" "value" (ternary "false" "true" $kafka.tls))
      (dict "name" "authType" "value" (ternary "password" "none" (ne $kafka.existingSecret ""))) -}}
{{- if $kafka.existingSecret -}}
{{- $how = concat $how (list
      (dict "name" "saslUsername" "value" $kafka.username)
      (dict "name" "saslMechanism" "value" $kafka.saslMechanism)
      (dict "name" "saslPassword" "secretKeyRef" (dict "name" "KAFKA_PASSWORD" "key" "KAFKA_PASSWORD"))) -}}
{{- $_ := set .resource "auth" (dict "secretStore" "secretstore") -}}
{{- end -}}
{{- $_ := set $spec "metadata" (concat $spec.metadata $how) -}}
{{- end -}}
{{- end -}}

{{/* Where things are that the release may bring itself. */}}
{{- define "quartet.redisHost" -}}
{{- if .Values.devStores.enabled -}}{{ include "quartet.fullname" . }}-redis:6379{{- else -}}{{ .Values.redis.host }}{{- end -}}
{{- end -}}

{{- define "quartet.redisSecret" -}}
{{- if .Values.devStores.enabled -}}{{ include "quartet.fullname" . }}-redis{{- else -}}{{ .Values.redis.existingSecret }}{{- end -}}
{{- end -}}

{{- define "quartet.redisPasswordKey" -}}
{{- if .Values.devStores.enabled -}}password{{- else -}}{{ .Values.redis.passwordKey }}{{- end -}}
{{- end -}}

{{/* What everything below is made from; a change of it rolls every pod. */}}
{{- define "quartet.content" -}}
{{- if not (hasKey .Values "_content") -}}
{{- $_ := set .Values "_content" (include "quartet.content.read" .) -}}
{{- end -}}
{{- .Values._content -}}
{{- end -}}

{{- define "quartet.content.read" -}}
{{- printf "%s %s %s %s" (include "quartet.suite" .) (toYaml .Values.redis) (toYaml .Values.models.keys) (toYaml .Values.metrics.enabled) | sha256sum | trunc 16 -}}
{{- end -}}

{{- define "quartet.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "quartet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The token with which a container speaks to the API server; mounted where it is needed only. */}}
{{- define "quartet.apiTokenVolume" -}}
name: api-access
projected:
  sources:
    - serviceAccountToken: {path: token, expirationSeconds: 3600}
    - configMap:
        name: kube-root-ca.crt
        items: [{key: ca.crt, path: ca.crt}]
{{- end -}}

{{- define "quartet.apiTokenMount" -}}
{name: api-access, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end -}}

{{- define "quartet.scheduling" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
