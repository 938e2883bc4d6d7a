{{/* What the schema cannot say: values that are right alone and wrong together. */}}
{{- define "talos-operator.guards" -}}
{{- with .Values }}
{{- if and .metrics.enabled (eq (int .metrics.port) (int .health.port)) }}
{{- fail (printf "metrics.port and health.port are both %v: must differ" .health.port) }}
{{- end }}
{{- if le (.terminationGracePeriodSeconds | float64) (include "talos-operator.seconds" .gracePeriod | float64) }}
{{- fail (printf "terminationGracePeriodSeconds is %v: must be more than gracePeriod, %s" .terminationGracePeriodSeconds .gracePeriod) }}
{{- end }}
{{- if and (gt (int .replicaCount) 1) (not .leaderElection.enabled) }}
{{- fail (printf "replicaCount is %v: must be 0 or 1 without leaderElection.enabled, or several operators work on the same clusters" .replicaCount) }}
{{- end }}
{{- if and (not .serviceAccount.create) (not .serviceAccount.name) .rbac.create }}
{{- fail "serviceAccount.name is missing: without serviceAccount.create, rbac.create would give the operator's rights to every pod that runs as default" }}
{{- end }}
{{- end }}
{{- include "talos-operator.guardDurations" . }}
{{- include "talos-operator.guardResults" . }}
{{- include "talos-operator.guardMetrics" . }}
{{- include "talos-operator.guardEnvironment" . }}
{{- end }}

{{/* What the program would refuse at its start. */}}
{{- define "talos-operator.guardDurations" -}}
{{- with .Values }}
{{- $hour := 3600 }}
{{- range list
  (list "reconcileInterval" .reconcileInterval 1 (mul 24 $hour))
  (list "gracePeriod" .gracePeriod 0 $hour)
  (list "leaderElection.leaseDuration" .leaderElection.leaseDuration 1 $hour)
  (list "leaderElection.renewDeadline" .leaderElection.renewDeadline 1 $hour)
  (list "leaderElection.retryPeriod" .leaderElection.retryPeriod 1 $hour) }}
{{- $seconds := include "talos-operator.seconds" (index . 1) | float64 }}
{{- if or (lt $seconds (index . 2 | float64)) (gt $seconds (index . 3 | float64)) }}
{{- fail (printf "%s is %s: must be from %vs to %vs" (index . 0) (index . 1) (index . 2) (index . 3)) }}
{{- end }}
{{- end }}
{{- $lease := include "talos-operator.seconds" .leaderElection.leaseDuration | float64 }}
{{- $deadline := include "talos-operator.seconds" .leaderElection.renewDeadline | float64 }}
{{- if le $lease $deadline }}
{{- fail (printf "leaderElection.leaseDuration is %s: must be longer than leaderElection.renewDeadline, %s" .leaderElection.leaseDuration .leaderElection.renewDeadline) }}
{{- end }}
{{- if le $deadline (mulf 1.2 (include "talos-operator.seconds" .leaderElection.retryPeriod | float64)) }}
{{- fail (printf "leaderElection.renewDeadline is %s: must be longer than 1.2 times leaderElection.retryPeriod, %s" .leaderElection.renewDeadline .leaderElection.retryPeriod) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "talos-operator.guardResults" -}}
{{- with .Values.results.persistence }}
{{- if .enabled }}
{{- if and (gt (int $.Values.replicaCount) 1) (not (has "ReadWriteMany" .accessModes)) }}
{{- fail (printf "results.persistence.accessModes is %v: must have ReadWriteMany when replicaCount is %v, or pods on other nodes wait for the volume for ever" .accessModes $.Values.replicaCount) }}
{{- end }}
{{- if and (not (has "ReadWriteMany" .accessModes)) $.Values.strategy (ne (get $.Values.strategy "type") "Recreate") }}
{{- fail (printf "strategy.type is %v: must be Recreate with results.persistence.accessModes %v, or a new pod waits for the old one's volume for ever" (get $.Values.strategy "type") .accessModes) }}
{{- end }}
{{- else if .existingClaim }}
{{- fail "results.persistence.existingClaim is set: must not be without results.persistence.enabled" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "talos-operator.guardMetrics" -}}
{{- with .Values.metrics }}
{{- if not .enabled }}
{{- range $name, $part := dict "secure" .secure "serviceMonitor" .serviceMonitor }}
{{- if $part.enabled }}{{ fail (printf "metrics.%s.enabled is true: must be false without metrics.enabled" $name) }}{{ end }}
{{- end }}
{{- end }}
{{- if not .secure.enabled }}
{{- if .secure.authorization }}{{ fail "metrics.secure.authorization is true: must be false without metrics.secure.enabled, or tokens travel in the clear" }}{{ end }}
{{- if .secure.certSecret }}{{ fail "metrics.secure.certSecret is set: must not be without metrics.secure.enabled" }}{{ end }}
{{- if .secure.certManager.enabled }}{{ fail "metrics.secure.certManager.enabled is true: must be false without metrics.secure.enabled" }}{{ end }}
{{- else if and .secure.certSecret .secure.certManager.enabled }}
{{- fail "metrics.secure.certSecret and metrics.secure.certManager.enabled are both set: must be one of them" }}
{{- else if not (or .secure.certSecret .secure.certManager.enabled) }}
{{- fail "metrics.secure.enabled is true: must have metrics.secure.certSecret or metrics.secure.certManager.enabled with it" }}
{{- end }}
{{- if and .serviceMonitor.authorization (not .secure.authorization) }}
{{- fail "metrics.serviceMonitor.authorization is set: must not be without metrics.secure.authorization" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "talos-operator.guardEnvironment" -}}
{{- $own := list "RECONCILE_INTERVAL" "MAX_CONCURRENT_RECONCILES" "METRICS_BIND_ADDRESS" "HEALTH_PROBE_BIND_ADDRESS" "RESULTS_PATH" }}
{{- range .Values.extraEnv }}
{{- if has .name $own }}{{ fail (printf "extraEnv has %s: must not, there is a value for it" .name) }}{{ end }}
{{- end }}
{{- end }}
