// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// pendingObjects remembers what we have written and the caches may not know yet, so that nothing is written twice.
type pendingObjects struct {
	lock     sync.Mutex
	machines map[string]bool
	clusters map[string]*KubernetesCluster
}

func newPendingObjects() *pendingObjects {
	return &pendingObjects{machines: map[string]bool{}, clusters: map[string]*KubernetesCluster{}}
}

func (p *pendingObjects) created(key string) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.machines[key] = true
}

func (p *pendingObjects) seen(key string) {
	p.lock.Lock()
	defer p.lock.Unlock()
	delete(p.machines, key)
}

func (p *pendingObjects) isPending(key string) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.machines[key]
}

func (p *pendingObjects) patched(key string, cluster *KubernetesCluster) {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.clusters[key] = cluster
}

// newest returns the newer of a cached cluster and the one the server answered with when we last patched it.
func (p *pendingObjects) newest(key string, cached *KubernetesCluster) *KubernetesCluster {
	p.lock.Lock()
	defer p.lock.Unlock()
	patched := p.clusters[key]
	if patched != nil && patched.UID == cached.UID && version(patched) > version(cached) {
		return patched
	}
	delete(p.clusters, key)
	return cached
}

func version(cluster *KubernetesCluster) uint64 {
	number, _ := strconv.ParseUint(cluster.ResourceVersion, 10, 64)
	return number
}

func (o *Operator) reconcile(key string) error {
	object, exists, err := o.clusters.GetIndexer().GetByKey(key)
	if err != nil || !exists {
		return err
	}
	cluster := o.pending.newest(key, object.(*KubernetesCluster)).DeepCopy()
	if cluster.DeletionTimestamp != nil {
		return o.finalize(key, cluster)
	}
	if !hasFinalizer(cluster) {
		finalizers := append(cluster.Finalizers, finalizer)
		if cluster, err = o.patchFinalizers(key, cluster, finalizers); err != nil {
			return err
		}
	}
	desired := desiredMachines(cluster)
	for _, machine := range desired {
		if err := o.ensure(cluster, machine); err != nil {
			return err
		}
	}
	if err := writeManifests(cluster, desired); err != nil {
		return err
	}
	return o.report(key, cluster, desired)
}

// finalize deletes the machines, and once the last is gone, what is left. Every machine that goes brings us back here.
func (o *Operator) finalize(key string, cluster *KubernetesCluster) error {
	if !hasFinalizer(cluster) {
		return nil
	}
	owned, err := o.machines.GetIndexer().ByIndex(byOwner, key)
	if err != nil {
		return err
	}
	for _, object := range owned {
		machine := object.(*Machine)
		if machine.DeletionTimestamp != nil || !metav1.IsControlledBy(machine, cluster) {
			continue
		}
		options := &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(machine.UID))}
		err := o.client.Delete().Namespace(machine.Namespace).Resource("machines").Name(machine.Name).
			Body(options).Do(context.TODO()).Error()
		if err != nil && !errors.IsNotFound(err) {
			return err
		}
	}
	if len(owned) > 0 {
		return nil
	}
	if err := os.RemoveAll(filepath.Join(*resultsPath, cluster.Spec.ClusterName)); err != nil {
		return err
	}
	var others []string
	for _, name := range cluster.Finalizers {
		if name != finalizer {
			others = append(others, name)
		}
	}
	if _, err = o.patchFinalizers(key, cluster, others); errors.IsNotFound(err) {
		return nil
	}
	return err
}

func hasFinalizer(cluster *KubernetesCluster) bool {
	for _, name := range cluster.Finalizers {
		if name == finalizer {
			return true
		}
	}
	return false
}

func (o *Operator) patchFinalizers(key string, cluster *KubernetesCluster, names []string) (*KubernetesCluster, error) {
	return o.patch(key, cluster, "", map[string]interface{}{"metadata": map[string]interface{}{
		"finalizers": names, "resourceVersion": cluster.ResourceVersion,
	}})
}

func (o *Operator) patch(key string, cluster *KubernetesCluster, subresource string, change interface{}) (*KubernetesCluster, error) {
	body, err := json.Marshal(change)
	if err != nil {
		return nil, err
	}
	request := o.client.Patch(types.MergePatchType).Namespace(cluster.Namespace).Resource("kubernetesclusters").
		Name(cluster.Name)
	if subresource != "" {
		request = request.SubResource(subresource)
	}
	result := &KubernetesCluster{}
	if err := request.Body(body).Do(context.TODO()).Into(result); err != nil {
		return nil, err
	}
	o.pending.patched(key, result)
	return result, nil
}

func desiredMachines(cluster *KubernetesCluster) []*Machine {
	owner := metav1.NewControllerRef(cluster, groupVersion.WithKind("KubernetesCluster"))
	var machines []*Machine
	add := func(group MachineGroup, suffix, role, workerGroup string) {
		for i := 0; i < group.Replicas; i++ {
			labels := copyMap(group.MachineTemplate.Metadata.Labels)
			if labels == nil {
				labels = map[string]string{}
			}
			labels[labelPrefix+"cluster-name"], labels[labelPrefix+"role"] = cluster.Spec.ClusterName, role
			if workerGroup != "" {
				labels[labelPrefix+"worker-group"] = workerGroup
			}
			spec := group.MachineTemplate.Spec.deepCopy()
			if spec == nil {
				spec = Object{}
			}
			spec["talosConfig"] = map[string]interface{}{
				"machineType": role, "clusterEndpoint": cluster.Spec.ClusterEndpoint, "installDisk": "/dev/sda",
				"cluster": map[string]interface{}{"network": map[string]interface{}{
					"dnsDomain":  "cluster.local",
					"podSubnets": anyStrings(cluster.Spec.PodSubnets), "serviceSubnets": anyStrings(cluster.Spec.ServiceSubnets),
				}},
			}
			machines = append(machines, &Machine{
				TypeMeta: metav1.TypeMeta{APIVersion: groupVersion.String(), Kind: "Machine"},
				ObjectMeta: metav1.ObjectMeta{
					Name:      fmt.Sprintf("%s-%s-%d", cluster.Spec.ClusterName, suffix, i),
					Namespace: cluster.Namespace, Labels: labels, Annotations: group.MachineTemplate.Metadata.Annotations,
					OwnerReferences: []metav1.OwnerReference{*owner},
				},
				Spec: spec,
			})
		}
	}
	add(cluster.Spec.ControlPlane, "cp", "controlplane", "")
	for _, group := range cluster.Spec.Workers {
		add(group, group.Name, "worker", group.Name)
	}
	return machines
}

func anyStrings(in []string) []interface{} {
	out := make([]interface{}, len(in))
	for i, value := range in {
		out[i] = value
	}
	return out
}

// ensure makes the machine as it should be, if the cache says it is not.
func (o *Operator) ensure(cluster *KubernetesCluster, machine *Machine) error {
	key := machine.Namespace + "/" + machine.Name
	object, exists, err := o.machines.GetIndexer().GetByKey(key)
	if err != nil || (!exists && o.pending.isPending(key)) {
		return err
	}
	if exists {
		current := object.(*Machine)
		if !metav1.IsControlledBy(current, cluster) {
			return fmt.Errorf("machine %s is not ours", key)
		}
		if reflect.DeepEqual(current.Spec, machine.Spec) && reflect.DeepEqual(current.Labels, machine.Labels) {
			return nil
		}
		return o.apply(machine, types.MergePatchType)
	}
	o.pending.created(key)
	if *writeMode == "ssa" {
		err = o.apply(machine, types.ApplyPatchType)
	} else {
		err = o.client.Post().Namespace(machine.Namespace).Resource("machines").
			VersionedParams(&metav1.CreateOptions{FieldManager: fieldManager}, metav1.ParameterCodec).
			Body(machine).Do(context.TODO()).Error()
	}
	if err != nil {
		o.pending.seen(key)
	}
	return err
}

func (o *Operator) apply(machine *Machine, patchType types.PatchType) error {
	body, err := json.Marshal(machine)
	if err != nil {
		return err
	}
	options := &metav1.PatchOptions{FieldManager: fieldManager}
	if patchType == types.ApplyPatchType {
		force := true
		options.Force = &force
	}
	return o.client.Patch(patchType).Namespace(machine.Namespace).Resource("machines").Name(machine.Name).
		VersionedParams(options, metav1.ParameterCodec).Body(body).Do(context.TODO()).Error()
}

// writeManifests writes the files whose content is another one.
func writeManifests(cluster *KubernetesCluster, machines []*Machine) error {
	directory := filepath.Join(*resultsPath, cluster.Spec.ClusterName)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	for _, machine := range machines {
		content, err := yaml.Marshal(machine)
		if err != nil {
			return err
		}
		path := filepath.Join(directory, machine.Name+".yaml")
		if current, err := os.ReadFile(path); err == nil && bytes.Equal(current, content) {
			continue
		}
		if err := os.WriteFile(path+".new", content, 0o644); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}

// report patches the status if something in it changes.
func (o *Operator) report(key string, cluster *KubernetesCluster, machines []*Machine) error {
	status := cluster.DeepCopy().Status
	ready := map[string]int{}
	for _, machine := range machines {
		object, exists, _ := o.machines.GetIndexer().GetByKey(machine.Namespace + "/" + machine.Name)
		if exists && isReady(object.(*Machine)) {
			ready[machine.Labels[labelPrefix+"role"]]++
		}
	}
	status.MachineCount, status.ObservedGeneration = len(machines), cluster.Generation
	status.ControlPlaneReady = ready["controlplane"] == cluster.Spec.ControlPlane.Replicas
	status.WorkersReady = ready["worker"]
	status.Phase = "Provisioning"
	condition := metav1.Condition{Type: "Ready", Status: "False", Reason: "MachinesNotReady", Message: "machines are not ready"}
	if ready["controlplane"]+ready["worker"] == len(machines) {
		status.Phase = "Running"
		condition = metav1.Condition{Type: "Ready", Status: "True", Reason: "MachinesReady", Message: "all machines are ready"}
	}
	for _, condition := range []metav1.Condition{
		{Type: "TopologyValid", Status: "True", Reason: "ValidationSucceeded", Message: "the specification is valid"},
		{Type: "MachinesCreated", Status: "True", Reason: "CreationSucceeded", Message: "all machines exist"},
		{Type: "FilesGenerated", Status: "True", Reason: "GenerationSucceeded", Message: "all manifests are written"},
		condition,
	} {
		condition.ObservedGeneration = cluster.Generation
		meta.SetStatusCondition(&status.Conditions, condition)
	}
	if reflect.DeepEqual(status, cluster.Status) {
		return nil
	}
	now := metav1.NewTime(time.Now())
	status.LastUpdated = &now
	_, err := o.patch(key, cluster, "status", map[string]interface{}{"status": status})
	return err
}

func isReady(machine *Machine) bool {
	if machine.Status == nil || machine.Status.Phase != "Running" {
		return false
	}
	condition := meta.FindStatusCondition(machine.Status.Conditions, "Ready")
	return condition == nil || condition.Status == metav1.ConditionTrue
}
