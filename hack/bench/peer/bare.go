// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// bare creates the machines of count clusters and does nothing else: how fast the API server can take them. They all
// belong to one cluster, or the garbage collector would take them away.
func bare(client rest.Interface, count int, way string) error {
	owner := bareCluster("bare-owner")
	if err := client.Post().Namespace("default").Resource("kubernetesclusters").Body(owner).
		Do(context.TODO()).Into(owner); err != nil {
		return err
	}
	var names []string
	var bodies [][]byte
	for i := 0; i < count; i++ {
		cluster := bareCluster(fmt.Sprintf("bench-%05d", i))
		for _, machine := range desiredMachines(cluster) {
			machine.OwnerReferences = []metav1.OwnerReference{
				*metav1.NewControllerRef(owner, groupVersion.WithKind("KubernetesCluster")),
			}
			body, err := json.Marshal(machine)
			if err != nil {
				return err
			}
			names, bodies = append(names, machine.Name), append(bodies, body)
		}
	}
	start, cpu := time.Now(), processCPU()
	if err := createAll(client, way, names, bodies); err != nil {
		return err
	}
	wall := time.Since(start).Seconds()
	return json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"name": "bare-" + way, "n": count, "machines": len(names), "wall_s": wall,
		"machines_per_s": float64(len(names)) / wall, "cpu_s": processCPU() - cpu,
	})
}

func bareCluster(name string) *KubernetesCluster {
	group := func(name string, replicas int, cores int64) MachineGroup {
		return MachineGroup{Name: name, Replicas: replicas, MachineTemplate: MachineTemplate{
			Metadata: TemplateMetadata{Labels: map[string]string{"team": "platform"}},
			Spec: Object{
				"provider": "kubevirt", "machineClass": "general", "memory": "16Gi",
				"cpu":      map[string]interface{}{"cores": cores},
				"disks":    []interface{}{map[string]interface{}{"name": "system", "size": "40Gi", "storageClass": "fast"}},
				"networks": []interface{}{map[string]interface{}{"name": "nodes", "vlan": int64(120)}},
			},
		}}
	}
	return &KubernetesCluster{
		TypeMeta:   metav1.TypeMeta{APIVersion: groupVersion.String(), Kind: "KubernetesCluster"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: ClusterSpec{
			ClusterName: name, KubernetesVersion: "v1.28.3", TalosVersion: "v1.5.5",
			ClusterEndpoint: "https://192.168.1.100:6443",
			PodSubnets:      []string{"10.244.0.0/16"}, ServiceSubnets: []string{"10.96.0.0/12"},
			ControlPlane: group("", 3, 4), Workers: MachineGroups{group("workers", 5, 8)},
		},
	}
}

func createAll(client rest.Interface, way string, names []string, bodies [][]byte) error {
	var group sync.WaitGroup
	var next int64 = -1
	failed := make(chan error, *workers)
	for i := 0; i < *workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				i := int(atomic.AddInt64(&next, 1))
				if i >= len(names) {
					return
				}
				if err := createOne(client, way, names[i], bodies[i]); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	group.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// createOne does not even decode the answer.
func createOne(client rest.Interface, way, name string, body []byte) error {
	request := client.Post()
	if way == "ssa" {
		request = client.Patch(types.ApplyPatchType).Name(name).Param("force", "true")
	} else {
		request.SetHeader("Content-Type", "application/json")
	}
	_, err := request.Namespace("default").Resource("machines").Param("fieldManager", fieldManager).Body(body).
		DoRaw(context.TODO())
	return err
}

// processCPU returns the user and system time of this process in seconds.
func processCPU() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
