// SPDX-License-Identifier: Apache-2.0

// Peer is what a well-written Go operator does for the same job, to measure ours beside: typed informers, an index of
// machines by owner, a rate-limited work queue with 8 workers, no client-side throttle, reads from the caches only.
//
// It is built with what Debian 12 has: Go 1.19 and the client-go 0.20 inside its Kubernetes 1.20.2 source package. Both
// are older than what operators use today. It leaves out what does not count in the measurement: leader election,
// events, and a validation worth the name.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

const (
	finalizer    = "cluster.vitistack.io/finalizer"
	labelPrefix  = "cluster.vitistack.io/"
	fieldManager = "talos-operator"
	byOwner      = "owner"
)

var (
	kubeconfig  = flag.String("kubeconfig", "", "file with the API server's address and credentials")
	metricsAddr = flag.String("metrics-bind-address", ":8080", "address of /metrics")
	probeAddr   = flag.String("health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	resultsPath = flag.String("results-path", "hack/results", "directory of manifests")
	workers     = flag.Int("max-concurrent-reconciles", 8, "clusters at the same time")
	interval    = flag.Duration("reconcile-interval", 30*time.Second, "time after which a cluster is looked at again")
	writeMode   = flag.String("write", "post", "how machines are created: post or ssa (server-side apply)")
	barePost    = flag.Int("bare-post", 0, "only create the machines of so many clusters, by POST, and print the time")
	bareSSA     = flag.Int("bare-ssa", 0, "the same by server-side apply")
	_           = flag.String("log-level", "", "has no effect: only errors are logged")
	_           = flag.String("log-format", "", "has no effect")
	_           = flag.Bool("leader-elect", false, "has no effect: there is no leader election")

	durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "talos_operator_reconciliation_duration_seconds", Help: "Reconciliation duration.",
	}, []string{"controller"})
	failures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "talos_operator_reconciliation_errors_total", Help: "Reconciliation errors.",
	}, []string{"controller"})
)

// Operator has the caches, the queue and the client that reconcile works with.
type Operator struct {
	client   rest.Interface
	queue    workqueue.RateLimitingInterface
	clusters cache.SharedIndexInformer
	machines cache.SharedIndexInformer
	pending  *pendingObjects
}

func newClient() (rest.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(groupVersion, &KubernetesCluster{}, &KubernetesClusterList{}, &Machine{}, &MachineList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	config.GroupVersion = &groupVersion
	config.APIPath = "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.QPS = -1 // no throttle: the API server has its own
	config.UserAgent = "talos-peer"
	return rest.RESTClientFor(config)
}

func newOperator(client rest.Interface) *Operator {
	limiter := workqueue.NewItemExponentialFailureRateLimiter(time.Second, 5*time.Minute)
	informer := func(resource string, example runtime.Object, indexers cache.Indexers) cache.SharedIndexInformer {
		source := cache.NewListWatchFromClient(client, resource, metav1.NamespaceAll, fields.Everything())
		return cache.NewSharedIndexInformer(source, example, 0, indexers)
	}
	operator := &Operator{
		client:   client,
		queue:    workqueue.NewNamedRateLimitingQueue(limiter, "KubernetesCluster"),
		clusters: informer("kubernetesclusters", &KubernetesCluster{}, cache.Indexers{}),
		machines: informer("machines", &Machine{}, cache.Indexers{byOwner: ownerKeys}),
		pending:  newPendingObjects(),
	}
	operator.clusters.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: operator.enqueue,
		UpdateFunc: func(old, new interface{}) {
			// What we write ourselves, finalizers and status, is no reason to look again.
			before, after := old.(*KubernetesCluster), new.(*KubernetesCluster)
			if before.Generation != after.Generation || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() {
				operator.enqueue(new)
			}
		},
		DeleteFunc: operator.enqueue,
	})
	operator.machines.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    operator.machineChanged,
		UpdateFunc: func(_, new interface{}) { operator.machineChanged(new) },
		DeleteFunc: operator.machineChanged,
	})
	return operator
}

func ownerKeys(object interface{}) ([]string, error) {
	machine := object.(*Machine)
	if owner := metav1.GetControllerOf(machine); owner != nil && owner.Kind == "KubernetesCluster" {
		return []string{machine.Namespace + "/" + owner.Name}, nil
	}
	return nil, nil
}

func (o *Operator) enqueue(object interface{}) {
	if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
		o.queue.Add(key)
	}
}

func (o *Operator) machineChanged(object interface{}) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	machine, ok := object.(*Machine)
	if !ok {
		return
	}
	o.pending.seen(machine.Namespace + "/" + machine.Name)
	if keys, _ := ownerKeys(machine); len(keys) == 1 {
		o.queue.Add(keys[0])
	}
}

func (o *Operator) work() {
	for {
		key, stop := o.queue.Get()
		if stop {
			return
		}
		start := time.Now()
		err := o.reconcile(key.(string))
		durations.WithLabelValues("KubernetesCluster").Observe(time.Since(start).Seconds())
		if err != nil {
			klog.ErrorS(err, "Reconciliation failed", "cluster", key)
			failures.WithLabelValues("KubernetesCluster").Inc()
			o.queue.AddRateLimited(key)
		} else {
			o.queue.Forget(key)
			if _, exists, _ := o.clusters.GetIndexer().GetByKey(key.(string)); exists {
				o.queue.AddAfter(key, *interval)
			}
		}
		o.queue.Done(key)
	}
}

func (o *Operator) run(stop <-chan struct{}) error {
	synced := func() bool { return o.clusters.HasSynced() && o.machines.HasSynced() }
	prometheus.MustRegister(durations, failures)
	metrics, probes := http.NewServeMux(), http.NewServeMux()
	metrics.Handle("/metrics", promhttp.Handler())
	probes.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	probes.HandleFunc("/readyz", func(response http.ResponseWriter, _ *http.Request) {
		if !synced() {
			response.WriteHeader(http.StatusInternalServerError)
		}
	})
	failed := make(chan error, 2)
	go func() { failed <- http.ListenAndServe(*metricsAddr, metrics) }()
	go func() { failed <- http.ListenAndServe(*probeAddr, probes) }()
	go o.clusters.Run(stop)
	go o.machines.Run(stop)
	if !cache.WaitForCacheSync(stop, synced) {
		return nil
	}
	var group wait.Group
	for i := 0; i < *workers; i++ {
		group.Start(o.work)
	}
	defer group.Wait()
	defer o.queue.ShutDown()
	select {
	case <-stop:
		return nil
	case err := <-failed:
		return err
	}
}

func main() {
	flag.Parse()
	client, err := newClient()
	if err == nil {
		stop := make(chan struct{})
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		go func() { <-signals; close(stop) }()
		switch {
		case *barePost > 0:
			err = bare(client, *barePost, "post")
		case *bareSSA > 0:
			err = bare(client, *bareSSA, "ssa")
		default:
			err = newOperator(client).run(stop)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
