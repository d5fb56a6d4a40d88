{{/* Whether some app-id is scaled by KEDA. */}}
{{- define "quartet.keda" -}}
{{- range $id, $app := (include "quartet.suite" . | fromJson).apps -}}
{{- $scaling := (include "quartet.canaries.own" (dict "root" $ "id" $id "app" $app) | fromYaml).autoscaling -}}
{{- if and $scaling.enabled (eq $scaling.by "keda") }}yes{{ end -}}
{{- end -}}
{{- end -}}

{{/* Whether KEDA has to sign in at the broker. */}}
{{- define "quartet.waiting.signsIn" -}}
{{- if include "quartet.keda" . -}}
{{- if or (eq .Values.broker.type "redis") .Values.broker.kafka.existingSecret }}yes{{ end -}}
{{- end -}}
{{- end -}}

{{/* A trigger of KEDA: the events of a topic that an app-id has not heard yet. */}}
{{- define "quartet.waiting" -}}
{{- $values := .root.Values -}}
{{- if eq $values.broker.type "kafka" -}}
{{- $kafka := $values.broker.kafka -}}
type: kafka
metadata:
  bootstrapServers: {{ $kafka.brokers | quote }}
  consumerGroup: {{ .id }}
  topic: {{ .topic }}
  lagThreshold: {{ .most | quote }}
  offsetResetPolicy: earliest
  tls: {{ ternary "enable" "disable" $kafka.tls }}
  {{- if $kafka.existingSecret }}
  sasl: {{ get (dict "PLAINTEXT" "plaintext" "SHA-256" "scram_sha256" "SHA-512" "scram_sha512") $kafka.saslMechanism }}
  {{- end }}
{{- else -}}
type: redis-streams
metadata:
  # KEDA looks from a namespace of its own.
  address: {{ ternary (printf "%s-redis.%s.svc:6379" (include "quartet.fullname" .root) .root.Release.Namespace) $values.redis.host $values.devStores.enabled | quote }}
  username: {{ $values.redis.username | quote }}
  stream: {{ .topic }}
  consumerGroup: {{ .id }}
  lagCount: {{ .most | quote }}
  activationLagCount: "0"
  {{- if and $values.redis.tls (not $values.devStores.enabled) }}
  enableTLS: "true"
  {{- end }}
{{- end }}
{{- if include "quartet.waiting.signsIn" .root }}
authenticationRef: {name: {{ include "quartet.fullname" .root }}-broker}
{{- end }}
{{- end -}}
