// SPDX-License-Identifier: Apache-2.0

package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "vitistack.io", Version: "v1alpha1"}

type KubernetesCluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ClusterSpec   `json:"spec"`
	Status            ClusterStatus `json:"status,omitempty"`
}

type ClusterSpec struct {
	ClusterName       string        `json:"clusterName"`
	KubernetesVersion string        `json:"kubernetesVersion"`
	TalosVersion      string        `json:"talosVersion"`
	ClusterEndpoint   string        `json:"clusterEndpoint"`
	PodSubnets        []string      `json:"podSubnets,omitempty"`
	ServiceSubnets    []string      `json:"serviceSubnets,omitempty"`
	ControlPlane      MachineGroup  `json:"controlPlane"`
	Workers           MachineGroups `json:"workers,omitempty"`
}

type MachineGroups []MachineGroup

type MachineGroup struct {
	Name            string          `json:"name,omitempty"`
	Replicas        int             `json:"replicas"`
	MachineTemplate MachineTemplate `json:"machineTemplate"`
}

type MachineTemplate struct {
	Metadata TemplateMetadata `json:"metadata,omitempty"`
	Spec     Object           `json:"spec,omitempty"`
}

type TemplateMetadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type ClusterStatus struct {
	Phase              string             `json:"phase,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
	ControlPlaneReady  bool               `json:"controlPlaneReady"`
	WorkersReady       int                `json:"workersReady"`
	MachineCount       int                `json:"machineCount"`
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	LastUpdated        *metav1.Time       `json:"lastUpdated,omitempty"`
}

type Machine struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              Object         `json:"spec"`
	Status            *MachineStatus `json:"status,omitempty"`
}

type MachineStatus struct {
	Phase      string             `json:"phase,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Object is what a provider wants: nobody here knows its fields.
type Object map[string]interface{}

type KubernetesClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []KubernetesCluster `json:"items"`
}

type MachineList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Machine `json:"items"`
}

func (in Object) deepCopy() Object {
	return runtime.DeepCopyJSON(in)
}

func copyStrings(in []string) []string { return append([]string(nil), in...) }

func copyMap(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in)+3)
	for key, value := range in {
		out[key] = value
	}
	return out
}

func copyConditions(in []metav1.Condition) []metav1.Condition {
	return append([]metav1.Condition(nil), in...)
}

func (in MachineGroup) deepCopy() MachineGroup {
	metadata := &in.MachineTemplate.Metadata
	metadata.Labels, metadata.Annotations = copyMap(metadata.Labels), copyMap(metadata.Annotations)
	in.MachineTemplate.Spec = in.MachineTemplate.Spec.deepCopy()
	return in
}

func (in *KubernetesCluster) DeepCopy() *KubernetesCluster {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.PodSubnets = copyStrings(in.Spec.PodSubnets)
	out.Spec.ServiceSubnets = copyStrings(in.Spec.ServiceSubnets)
	out.Spec.ControlPlane = in.Spec.ControlPlane.deepCopy()
	out.Spec.Workers = nil
	for _, group := range in.Spec.Workers {
		out.Spec.Workers = append(out.Spec.Workers, group.deepCopy())
	}
	out.Status.Conditions = copyConditions(in.Status.Conditions)
	out.Status.LastUpdated = in.Status.LastUpdated.DeepCopy()
	return &out
}

func (in *Machine) DeepCopy() *Machine {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec = in.Spec.deepCopy()
	if in.Status != nil {
		out.Status = &MachineStatus{Phase: in.Status.Phase, Conditions: copyConditions(in.Status.Conditions)}
	}
	return &out
}

func (in *KubernetesCluster) DeepCopyObject() runtime.Object { return in.DeepCopy() }
func (in *Machine) DeepCopyObject() runtime.Object           { return in.DeepCopy() }

func (in *KubernetesClusterList) DeepCopyObject() runtime.Object {
	out := &KubernetesClusterList{TypeMeta: in.TypeMeta, ListMeta: in.ListMeta}
	for i := range in.Items {
		out.Items = append(out.Items, *in.Items[i].DeepCopy())
	}
	return out
}

func (in *MachineList) DeepCopyObject() runtime.Object {
	out := &MachineList{TypeMeta: in.TypeMeta, ListMeta: in.ListMeta}
	for i := range in.Items {
		out.Items = append(out.Items, *in.Items[i].DeepCopy())
	}
	return out
}
