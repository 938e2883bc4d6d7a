{{/* What `helm install` prints. */}}
{{- define "talos-operator.notes" -}}
{{- $name := include "talos-operator.fullname" . }}
{{- $deployment := printf "%s-controller-manager" $name -}}
{{ .Chart.Name }} {{ .Chart.AppVersion }} looks after the KubernetesClusters in
{{- if .Values.watchNamespaces }} {{ join ", " .Values.watchNamespaces }}{{ else }} every namespace{{ end }}
{{- with .Values.watchLabelSelector }} with the labels {{ . }}{{ end }}.

See it come up:

  kubectl --namespace {{ .Release.Namespace }} rollout status deployment/{{ $deployment }}
  kubectl --namespace {{ .Release.Namespace }} logs deployment/{{ $deployment }}

Make a cluster, and see its Machines:

  kubectl apply --filename - <<EOF
  apiVersion: vitistack.io/v1alpha1
  kind: KubernetesCluster
  metadata:
    name: simple-cluster
    namespace: {{ first (append .Values.watchNamespaces "default") }}
  spec:
    clusterName: simple-cluster
    kubernetesVersion: v1.28.3
    talosVersion: v1.5.5
    clusterEndpoint: https://192.168.1.100:6443
    controlPlane:
      replicas: 3
    workers:
      - name: workers
        replicas: 2
  EOF
  kubectl get kubernetesclusters,machines --all-namespaces
{{- if .Values.metrics.enabled }}

Read the metrics:

  kubectl --namespace {{ .Release.Namespace }} port-forward service/{{ $name }}-metrics {{ .Values.metrics.port }}
{{- end }}
{{- include "talos-operator.warnings" . }}
{{- end }}
