{{/* What is allowed and yet may surprise. */}}
{{- define "talos-operator.warnings" -}}
{{- $warnings := list }}
{{- with .Values }}
{{- if and .crds.install (not .crds.keep) }}
{{- $warnings = append $warnings "crds.keep is false: `helm uninstall` removes every KubernetesCluster and Machine of the whole cluster." }}
{{- end }}
{{- if not .crds.install }}
{{- $warnings = append $warnings "crds.install is false: this chart neither makes nor upgrades the CustomResourceDefinitions." }}
{{- end }}
{{- if not .leaderElection.enabled }}
{{- $warnings = append $warnings "leaderElection.enabled is false: nothing keeps a second operator from working at the same time." }}
{{- end }}
{{- if not .rbac.create }}
{{- $warnings = append $warnings "rbac.create is false: the operator can do nothing until somebody gives it the rights." }}
{{- end }}
{{- if and .configManagement.enabled .rbac.create (not .watchNamespaces) }}
{{- $warnings = append $warnings "configManagement.enabled is true: the operator may read every Secret of every namespace. watchNamespaces keeps it to some." }}
{{- end }}
{{- if eq (int .replicaCount) 0 }}
{{- $warnings = append $warnings "replicaCount is 0: no operator runs. Clusters that are deleted wait until one does." }}
{{- end }}
{{- if and .metrics.enabled .metrics.secure.enabled (not .metrics.secure.authorization) }}
{{- $warnings = append $warnings "metrics.secure.authorization is false: /metrics is encrypted, but everybody may read it." }}
{{- end }}
{{- if and .metrics.secure.authorization (not .rbac.create) }}
{{- $warnings = append $warnings "metrics.secure.authorization asks for tokenreviews and subjectaccessreviews, a right that rbac.create would give." }}
{{- end }}
{{- if and .metrics.secure.authorization .rbac.create }}
{{- $warnings = append $warnings (printf "metrics.secure.authorization is true: whoever scrapes needs the ClusterRole %s-metrics-reader." (include "talos-operator.fullname" $)) }}
{{- end }}
{{- if and .networkPolicy.enabled (not .networkPolicy.apiServerTo) }}
{{- $warnings = append $warnings (printf "networkPolicy.apiServerPorts is %v: `kubectl get endpoints kubernetes` shows the port that is needed." .networkPolicy.apiServerPorts) }}
{{- end }}
{{- if and .results.persistence.enabled .results.persistence.existingClaim (has "ReadWriteMany" .results.persistence.accessModes) }}
{{- $warnings = append $warnings (printf "results.persistence.accessModes must be what %s really has." .results.persistence.existingClaim) }}
{{- end }}
{{- end }}
{{- if $warnings }}

Mind:
{{ range $warnings }}
  - {{ . }}
{{- end }}
{{- end }}
{{- end }}
