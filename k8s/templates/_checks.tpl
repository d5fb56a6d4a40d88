{{/* What has to be right before anything is made; each message says what to do. */}}
{{- define "quartet.checks" -}}
{{- include "quartet.checks.cluster" . -}}
{{- include "quartet.checks.stores" . -}}
{{- $people := list .Values.people.issuer .Values.people.audience .Values.people.jwksUrl | compact | len -}}
{{- if and (gt $people 0) (lt $people 3) -}}
{{- fail "Half an issuer of people: give all of people.issuer, people.audience and people.jwksUrl, or none." -}}
{{- end -}}
{{- range $id, $_ := .Values.apps -}}
{{- if not (hasKey (include "quartet.suite" $ | fromJson).apps $id) -}}
{{- fail (printf "apps.%s: pack %s has no such app-id; it has %s." $id $.Values.pack ((include "quartet.suite" $ | fromJson).apps | keys | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "quartet.fullname" .)) -}}
{{- fail (printf "Services cannot be called %q...: give a release name, or fullnameOverride, of small letters, digits and hyphens that begins with a letter." (include "quartet.fullname" .)) -}}
{{- end -}}
{{- range $id, $app := (include "quartet.suite" . | fromJson).apps -}}
{{- $scaling := (include "quartet.canaries.own" (dict "root" $ "id" $id "app" $app) | fromYaml).autoscaling -}}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) -}}
{{- fail (printf "apps.%s.autoscaling: minReplicas %v is more than maxReplicas %v." $id $scaling.minReplicas $scaling.maxReplicas) -}}
{{- end -}}
{{- end -}}
{{- $suite := include "quartet.suite" . | fromJson -}}
{{- $ours := include "quartet.app.annotations" (dict "root" . "id" "planner" "app" $suite.apps.planner "suite" $suite) | fromYaml -}}
{{- range $key, $_ := .Values.podAnnotations -}}
{{- if hasKey $ours $key -}}
{{- fail (printf "podAnnotations.%s: the chart sets this one itself; other annotations of Dapr may stand there." $key) -}}
{{- end -}}
{{- end -}}
{{- range $id := list "toolbox" "coordinator" -}}
{{- $own := mergeOverwrite (deepCopy $.Values.defaults) (get $.Values.apps $id | default dict) -}}
{{- $most := ternary $own.autoscaling.maxReplicas $own.replicas $own.autoscaling.enabled | int -}}
{{- if and $.Values.persistence.enabled (ne $.Values.persistence.accessMode "ReadWriteMany") (gt $most 1) -}}
{{- fail (printf "%s has up to %d replicas and one volume: give persistence.accessMode=ReadWriteMany, or apps.%s one replica." $id $most $id) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.console.ingress.enabled (not .Values.console.ingress.host) -}}
{{- fail "An Ingress for which host? Give console.ingress.host." -}}
{{- end -}}
{{- if and .Values.console.httpRoute.enabled (not .Values.console.httpRoute.gateway.name) -}}
{{- fail "An HTTPRoute through which Gateway? Give console.httpRoute.gateway.name." -}}
{{- end -}}
{{- $least := add .Values.drainSeconds .Values.sidecar.gracefulShutdownSeconds -}}
{{- if le (int .Values.terminationGracePeriodSeconds) (int $least) -}}
{{- fail (printf "terminationGracePeriodSeconds is %v: give more than the %v of drainSeconds and sidecar.gracefulShutdownSeconds together, else pods are killed at work." .Values.terminationGracePeriodSeconds $least) -}}
{{- end -}}
{{- end -}}

{{/* What the cluster has to offer. */}}
{{- define "quartet.checks.cluster" -}}
{{- $has := .Capabilities.APIVersions -}}
{{- if not ($has.Has "dapr.io/v1alpha1/Component") -}}
{{- fail "Dapr is not on this cluster: install Dapr 1.18.2 or later first (helm install dapr dapr/dapr -n dapr-system --create-namespace --wait; k8s/README.md says with which settings)." -}}
{{- end -}}
{{- if not ($has.Has "dapr.io/v1alpha1/WorkflowAccessPolicy") -}}
{{- fail "The Dapr of this cluster is too old: it has no WorkflowAccessPolicy. Upgrade it to 1.18.2 or later, its CRDs included." -}}
{{- end -}}
{{- $metrics := .Values.metrics -}}
{{- if and (or $metrics.podMonitor.enabled $metrics.rules.enabled $metrics.dashboard.enabled) (not $metrics.enabled) -}}
{{- fail "Nothing to see in metrics that are off: give metrics.enabled=true too." -}}
{{- end -}}
{{- if and (or $metrics.podMonitor.enabled $metrics.rules.enabled) (not ($has.Has "monitoring.coreos.com/v1")) -}}
{{- fail "The Prometheus operator is not on this cluster (no monitoring.coreos.com/v1): install it, or leave metrics.podMonitor and metrics.rules off." -}}
{{- end -}}
{{- if and (include "quartet.keda" .) (not ($has.Has "keda.sh/v1alpha1")) -}}
{{- fail "KEDA is not on this cluster (no keda.sh/v1alpha1): install it, or give autoscaling.by=hpa." -}}
{{- end -}}
{{- if and .Values.console.httpRoute.enabled (not ($has.Has "gateway.networking.k8s.io/v1")) -}}
{{- fail "Gateway API is not on this cluster (no gateway.networking.k8s.io/v1): install it, or use console.ingress." -}}
{{- end -}}
{{- end -}}

{{/* Where state, events and records are kept. */}}
{{- define "quartet.checks.stores" -}}
{{- if and (eq .Values.state.type "postgres") (not .Values.state.existingSecret) -}}
{{- fail "There is no Postgres for the state: name the Secret with its URL in state.existingSecret." -}}
{{- end -}}
{{- if and (eq .Values.broker.type "kafka") (not .Values.broker.kafka.brokers) -}}
{{- fail "There is no Kafka: give broker.kafka.brokers (host:port)." -}}
{{- end -}}
{{- if and .Values.devStores.enabled .Values.redis.existingSecret -}}
{{- fail "Two Redis: devStores.enabled brings one, redis.existingSecret names another. Give one of them." -}}
{{- end -}}
{{- if .Values.devStores.enabled -}}
{{- range $name, $one := .Values.databases -}}
{{- if $one.existingSecret -}}
{{- fail (printf "Two Postgres: devStores.enabled brings one, databases.%s.existingSecret names another. Give one of them." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not .Values.devStores.enabled -}}
{{- if or (eq .Values.state.type "redis") (eq .Values.broker.type "redis") -}}
{{- if not .Values.redis.host -}}
{{- fail "There is no Redis: give redis.host (host:port) and redis.existingSecret, or for development devStores.enabled=true." -}}
{{- end -}}
{{- if not .Values.redis.existingSecret -}}
{{- fail "There is no password for Redis: name a Secret in redis.existingSecret." -}}
{{- end -}}
{{- end -}}
{{- range $name, $one := .Values.databases -}}
{{- if not $one.existingSecret -}}
{{- fail (printf "There is no database %q: name the Secret with its URL in databases.%s.existingSecret, or for development devStores.enabled=true." $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
