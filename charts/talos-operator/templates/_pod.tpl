{{/* Parts of the Deployment that are decided from several values. */}}

{{- define "talos-operator.certPath" -}}/etc/talos-operator/metrics-cert{{- end }}

{{- define "talos-operator.args" -}}
- run
{{- range .Values.watchNamespaces }}
- --watch-namespace={{ . }}
{{- end }}
{{- with .Values.watchLabelSelector }}
- {{ printf "--watch-label-selector=%s" . | quote }}
{{- end }}
- --leader-elect={{ .Values.leaderElection.enabled }}
{{- if .Values.leaderElection.enabled }}
- --leader-election-lease-duration={{ .Values.leaderElection.leaseDuration }}
- --leader-election-renew-deadline={{ .Values.leaderElection.renewDeadline }}
- --leader-election-retry-period={{ .Values.leaderElection.retryPeriod }}
{{- end }}
- --log-level={{ .Values.logLevel }}
- --log-format={{ .Values.logFormat }}
- --grace-period={{ .Values.gracePeriod }}
{{- if .Values.configManagement.enabled }}
- --config-management=true
{{- with .Values.configManagement.layerNamespace }}
- --layer-namespace={{ . }}
{{- end }}
{{- if .Values.snapshots.existingClaim }}
- --snapshot-directory={{ .Values.snapshots.path }}
{{- end }}
{{- range .Values.fleet.waves }}
- {{ printf "--fleet-wave=%s" . | quote }}
{{- end }}
{{- with .Values.fleet.maxConcurrent }}
- --fleet-max-concurrent={{ . }}
{{- end }}
{{- if ne (toString .Values.fleet.failureBudget) "" }}
- --fleet-failure-budget={{ .Values.fleet.failureBudget }}
{{- end }}
{{- if ne .Values.fleet.soakTime "0s" }}
- --fleet-soak-time={{ .Values.fleet.soakTime }}
{{- end }}
{{- end }}
{{- if .Values.metrics.secure.enabled }}
- --metrics-secure=true
- --metrics-cert-path={{ include "talos-operator.certPath" . }}
{{- end }}
{{- if .Values.metrics.secure.authorization }}
- --metrics-authorization=true
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "talos-operator.env" -}}
- name: RECONCILE_INTERVAL
  value: {{ .Values.reconcileInterval | quote }}
- name: MAX_CONCURRENT_RECONCILES
  value: {{ .Values.maxConcurrentReconciles | quote }}
- name: METRICS_BIND_ADDRESS
  value: {{ .Values.metrics.enabled | ternary (printf ":%v" .Values.metrics.port) "0" | quote }}
- name: HEALTH_PROBE_BIND_ADDRESS
  value: {{ printf ":%v" .Values.health.port | quote }}
- name: RESULTS_PATH
  value: {{ .Values.results.path | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
A volume that only one node can have must be given back before the next pod starts, and without leader election the old
operator must have ended.
*/}}
{{- define "talos-operator.strategy" -}}
{{- $volume := .Values.results.persistence }}
{{- $sharesVolume := or (not $volume.enabled) (has "ReadWriteMany" $volume.accessModes) }}
{{- if .Values.strategy }}
{{- toYaml .Values.strategy }}
{{- else if not (and $sharesVolume .Values.leaderElection.enabled) }}
{{- toYaml (dict "type" "Recreate") }}
{{- else }}
{{- toYaml (dict "type" "RollingUpdate" "rollingUpdate" (dict "maxSurge" 1 "maxUnavailable" 0)) }}
{{- end }}
{{- end }}

{{- define "talos-operator.claimName" -}}
{{- default (printf "%s-results" (include "talos-operator.fullname" .)) .Values.results.persistence.existingClaim }}
{{- end }}

{{- define "talos-operator.resultsVolume" -}}
{{- if .Values.results.persistence.enabled -}}
persistentVolumeClaim:
  claimName: {{ include "talos-operator.claimName" . }}
{{- else if .Values.results.sizeLimit -}}
emptyDir:
  sizeLimit: {{ .Values.results.sizeLimit }}
{{- else -}}
emptyDir: {}
{{- end }}
{{- end }}

{{- define "talos-operator.spread" -}}
{{- $selector := dict "matchLabels" (include "talos-operator.selectorLabels" . | fromYaml) }}
{{- $constraints := .Values.topologySpreadConstraints }}
{{- if and (not $constraints) (gt (int .Values.replicaCount) 1) }}
{{- $constraints = list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway") }}
{{- end }}
{{- $all := list }}
{{- range $constraints }}
{{- $all = append $all (merge (dict) . (hasKey . "labelSelector" | ternary dict (dict "labelSelector" $selector))) }}
{{- end }}
{{- if $all }}{{ toYaml $all }}{{ end }}
{{- end }}
