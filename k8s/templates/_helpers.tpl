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
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: quartet
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The suite of the chosen pack: files/suite.yaml with this release's words, as YAML. */}}
{{- define "quartet.suite" -}}
{{- $text := .Files.Get "files/suite.yaml"
      | replace "@namespace@" .Release.Namespace
      | replace "@trust-domain@" .Values.trustDomain
      | replace "@redis@" (include "quartet.redisHost" .)
      | replace "@redis-user@" .Values.redis.username -}}
{{- $packs := (fromYaml $text).packs -}}
{{- if not (hasKey $packs .Values.pack) -}}
{{- fail (printf "There is no pack %q in this chart; there is: %s." .Values.pack (keys $packs | sortAlpha | join ", ")) -}}
{{- end -}}
{{- include "quartet.canaries.declared" (dict "suite" (get $packs .Values.pack) "declared" (.Values.canaries | default dict) "namespace" .Release.Namespace) -}}
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
{{- printf "%s %s %s" (include "quartet.suite" .) (toYaml .Values.redis) (toYaml .Values.models.keys) | sha256sum | trunc 16 -}}
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
