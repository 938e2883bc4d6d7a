{{- define "talos-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* What the names of all objects begin with; the longest ending, "-controller-manager", must fit behind it. */}}
{{- define "talos-operator.fullname" -}}
{{- $name := include "talos-operator.name" . }}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "talos-operator.serviceAccountName" -}}
{{- $default := .Values.serviceAccount.create | ternary (printf "%s-controller-manager" (include "talos-operator.fullname" .)) "default" }}
{{- default $default .Values.serviceAccount.name }}
{{- end }}

{{- define "talos-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "talos-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
control-plane: controller-manager
{{- end }}

{{/* Labels that pods have too: nothing that changes more often than the image. */}}
{{- define "talos-operator.podLabels" -}}
{{ include "talos-operator.selectorLabels" . }}
app.kubernetes.io/component: controller-manager
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* name, labels and annotations; a dict of root, name and, if need be, labels and annotations. */}}
{{- define "talos-operator.metadata" -}}
{{- $labels := dict
  "app.kubernetes.io/name" (include "talos-operator.name" .root)
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/component" "controller-manager"
  "app.kubernetes.io/version" .root.Chart.AppVersion
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") }}
{{- $annotations := mergeOverwrite (dict) .root.Values.commonAnnotations (default dict .annotations) -}}
name: {{ .name }}
labels:
  {{- toYaml (mergeOverwrite (dict) .root.Values.commonLabels (default dict .labels) $labels) | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "talos-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The rules of a file that kustomize uses as it is, so that both grant the same. */}}
{{- define "talos-operator.rules" -}}
{{- toYaml (.root.Files.Get (printf "files/rbac/%s.yaml" .file) | fromYaml).rules }}
{{- end }}

{{/* The operator's own rules, with the cluster-wide role or in each watched namespace. */}}
{{- define "talos-operator.managerRules" -}}
{{ include "talos-operator.rules" (dict "root" . "file" "role") }}
{{- with .Values.rbac.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The ServiceAccount as a subject of a binding. */}}
{{- define "talos-operator.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "talos-operator.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{/* The Secret with the certificate of /metrics; empty without one. */}}
{{- define "talos-operator.certSecret" -}}
{{- with .Values.metrics.secure }}
{{- .certManager.enabled | ternary (printf "%s-metrics-cert" (include "talos-operator.fullname" $)) .certSecret }}
{{- end }}
{{- end }}

{{/* The name that /metrics is reached by inside the cluster. */}}
{{- define "talos-operator.metricsHost" -}}
{{- printf "%s-metrics.%s.svc" (include "talos-operator.fullname" .) .Release.Namespace }}
{{- end }}

{{/* Seconds of a Go duration. */}}
{{- define "talos-operator.seconds" -}}
{{- $units := dict "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001 "us" 0.000001 "µs" 0.000001 "ns" 0.000000001 }}
{{- $sum := 0.0 }}
{{- range regexFindAll "[0-9.]+[a-zµ]+" . -1 }}
{{- $sum = addf $sum (mulf (regexFind "[0-9.]+" . | float64) (get $units (regexFind "[a-zµ]+" .))) }}
{{- end }}
{{- $sum }}
{{- end }}

{{/* Takes the CEL rules out of a schema, in place: servers before 1.25 do not know them. */}}
{{- define "talos-operator.dropValidations" -}}
{{- if kindIs "map" . }}
{{- $_ := unset . "x-kubernetes-validations" }}
{{- range . }}{{ include "talos-operator.dropValidations" . }}{{ end }}
{{- else if kindIs "slice" . }}
{{- range . }}{{ include "talos-operator.dropValidations" . }}{{ end }}
{{- end }}
{{- end }}
