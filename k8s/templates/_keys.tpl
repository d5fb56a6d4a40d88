{{/* The app-ids of the release, and all that it may have had: a canary comes and goes. */}}
{{- define "quartet.keys.apps" -}}
{{- keys (include "quartet.suite" . | fromJson).apps | sortAlpha | toJson -}}
{{- end -}}

{{- define "quartet.keys.everyApp" -}}
{{- $all := include "quartet.keys.apps" . | fromJsonArray -}}
{{- range $id, $app := (include "quartet.suite" . | fromJson).apps -}}
{{- if and (eq $app.service "specialist") (not $app.canaryOf) -}}
{{- $all = append $all (printf "%s-canary" $id) -}}
{{- end -}}
{{- end -}}
{{- $all | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* What the keys program is to make or remove, as JSON; . is {root, apps}. */}}
{{- define "quartet.keys.plan" -}}
{{- $values := .root.Values -}}
{{- $plan := dict
      "prefix" (include "quartet.fullname" .root)
      "namespace" .root.Release.Namespace
      "instance" .root.Release.Name
      "apps" .apps
      "issuer" (empty $values.people.issuer)
      "stores" $values.devStores.enabled
      "databases" (keys $values.databases | sortAlpha) -}}
{{- toJson $plan -}}
{{- end -}}

{{/* The names of all that it makes. */}}
{{- define "quartet.keys.secrets" -}}
{{- $full := include "quartet.fullname" . -}}
{{- $names := list (printf "%s-notices" $full) (printf "%s-client" $full) (printf "%s-issuer" $full) -}}
{{- range $id := include "quartet.keys.everyApp" . | fromJsonArray -}}
{{- range list "api" "app" "signing" -}}
{{- $names = append $names (printf "%s-%s-%s" $full $id .) -}}
{{- end -}}
{{- end -}}
{{- if .Values.devStores.enabled -}}
{{- $names = concat $names (list (printf "%s-redis" $full) (printf "%s-postgres" $full)) -}}
{{- range $name, $_ := .Values.databases -}}
{{- $names = append $names (printf "%s-database-%s" $full $name) -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end -}}

{{/* Names cannot limit who makes; all else is limited to them. */}}
{{- define "quartet.keys.rules" -}}
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{ include "quartet.keys.secrets" . }}
  verbs: [get, update, delete]
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "quartet.fullname" . }}-trust]
  verbs: [get, update, delete]
{{- end -}}

{{- define "quartet.keys.hook" -}}
helm.sh/hook: {{ .hook }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded,hook-failed
helm.sh/hook-output-log-policy: hook-failed
{{- end -}}

{{- define "quartet.keys.job" -}}
backoffLimit: 3
activeDeadlineSeconds: 120
ttlSecondsAfterFinished: 86400
template:
  metadata:
    labels: {{ include "quartet.labels" .root | nindent 6 }}
      app.kubernetes.io/component: keys
  spec:
    restartPolicy: Never
    serviceAccountName: {{ .account }}
    automountServiceAccountToken: false
    enableServiceLinks: false
    securityContext: {{ include "quartet.podSecurity" 10001 | nindent 6 }}
    {{- include "quartet.scheduling" .root | nindent 4 }}
    containers:
      - name: keys
        image: {{ include "quartet.image" .root }}
        imagePullPolicy: {{ .root.Values.image.pullPolicy }}
        terminationMessagePolicy: FallbackToLogsOnError
        command: [python3, -m, quartet.runtime.kube.keys, {{ .verb }}]
        env:
          - {name: QUARTET_KEYS, value: {{ .plan | quote }}}
        securityContext: {{ include "quartet.containerSecurity" .root | nindent 10 }}
        resources:
          requests: {cpu: 50m, memory: 64Mi}
          limits: {memory: 256Mi}
        volumeMounts:
          - {{ include "quartet.apiTokenMount" .root }}
          - {name: tmp, mountPath: /tmp}
    volumes:
      - {name: tmp, emptyDir: {medium: Memory}}
      - {{ include "quartet.apiTokenVolume" .root | nindent 8 | trim }}
{{- end -}}
