# SPDX-License-Identifier: Apache-2.0
SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help
.NOTPARALLEL:

# An undeclared import of a target is an error, also when the target happens to be built already.
SWIFT_FLAGS := --explicit-target-dependency-import-check error
# Those with locks and threads; they are run again under the thread sanitizer.
CONCURRENT_TESTS := ^(PKITests|HTTPTests|KubernetesTests|ControllerRuntimeTests|ObservabilityTests)\.
# Those that need a control plane, or tools besides the compiler.
NOT_UNIT_TESTS := ^(Integration|Packaging)Tests\.
TSAN_FLAGS := --sanitize=thread --scratch-path .build/tsan
# The other linker has 200 warnings about symbols of the sanitizer.
ASAN_FLAGS := --sanitize=address --scratch-path .build/asan -Xswiftc -use-ld=lld
LEAK_OPTIONS := LSAN_OPTIONS=suppressions=$(CURDIR)/hack/leak-suppressions.txt:print_suppressions=0
# What the program says it was built from, as far as that is known; the date is that of the commit.
REVISION ?= $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
# The build ID, which a backtrace shows, is the commit: the linker's own would be a digest of what is left out later.
BUILD_ID = $(or $(addprefix 0x,$(shell grep -oE '^[0-9a-f]{40}' <<<'$(REVISION)')),none)
# Line tables and no other debug information: what a backtrace shows. No path of this machine gets in, nor names that
# the compiler derives from paths.
RELEASE = TALOS_OPERATOR_REVISION='$(REVISION)' TALOS_OPERATOR_SOURCE_DATE='$(SOURCE_DATE_EPOCH)' \
    swift build $(SWIFT_FLAGS) -c release --static-swift-stdlib -Xlinker -L"$(CURDIR)/.build/static" \
    -Xlinker --no-export-dynamic -Xlinker --build-id=$(BUILD_ID) -Xswiftc -gline-tables-only \
    -Xswiftc -file-prefix-map -Xswiftc "$(CURDIR)=." -Xswiftc -Xfrontend -Xswiftc -no-clang-module-breadcrumbs
SWIFT_SOURCES := Package.swift Sources Tests
# The cluster that `install`, `deploy` and `run` talk to is kubectl's current one.
KUBECTL ?= kubectl
# The image that is deployed.
IMG ?= ghcr.io/vitistack/talos-operator:latest
CONTAINER_TOOL ?= docker
PLATFORMS ?= linux/amd64,linux/arm64
# With true, `uninstall` and `undeploy` do not mind what is gone already.
ignore-not-found ?= false
# The number of clusters of `make bench`, and whether an operator written in Go is measured beside ours.
N ?= 100
PEER ?= 1
# How long `make fuzz` looks for inputs that break a parser.
SECONDS ?= 60
# What `make chaos` and `make soak` derive everything random from, and how long they go on.
SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
MINUTES ?=
# All tests of faults, or with TEST the one that the table names.
TEST ?=
CHAOS_TESTS := ^IntegrationTests\..*(Chaos|Fault|Leak|Operator[A-Z][a-z]+)Tests/|^IntegrationTests\.ControlPlaneFaults/
ifneq ($(TEST),)
CHAOS_TESTS := /$(TEST)[(]
endif

##@ Start here

.PHONY: help
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { print "\n" substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build control-plane ## Watch the operator at work, on a control plane of its own
	hack/demo.sh

##@ Build

.PHONY: install-deps
install-deps: ## Install the Debian packages that all of this needs
	hack/install-deps.sh all

.PHONY: build-deps
build-deps:
	@hack/install-deps.sh build

.PHONY: build
build: build-deps ## Build for debugging
	swift build $(SWIFT_FLAGS) --product talos-operator

# The C++ runtime goes into the program too, and nothing is exported: 1.5 MB less memory. Symbols and line tables stay,
# for backtraces, and take no memory; the index for debuggers goes. The toolchain's backtracer comes along.
.PHONY: release
release: build-deps ## Build dist/talos-operator, optimized and without need of a Swift runtime
	mkdir -p dist .build/static
	ln -sf "$$(gcc -print-file-name=libstdc++.a)" .build/static/libstdc++.a
	$(RELEASE) --product talos-operator
	objcopy --remove-section=.debug_names --remove-section=.swift_modhash .build/release/talos-operator dist/talos-operator
	strip -o dist/swift-backtrace \
	    "$$(dirname "$$(readlink -f "$$(type -P swift)")")/../libexec/swift/linux/swift-backtrace-static"
	dist/talos-operator version

.PHONY: reproducible
reproducible: release ## Build it once more, in another directory, and compare the two byte by byte
	rm -rf .build/again && mkdir .build/again && cp -r Makefile Package.swift Sources Tests hack .build/again
	$(MAKE) -C .build/again release REVISION='$(REVISION)' SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)'
	cmp dist/talos-operator .build/again/dist/talos-operator
	rm -rf .build/again

.PHONY: clean
clean: ## Remove everything that was built or generated
	rm -rf .build dist hack/results

##@ Image

# What the image says of itself, and what makes two images of one commit alike.
IMAGE_ARGUMENTS = --build-arg VERSION="$$(sed -n 's/.*current = "\(.*\)"/\1/p' Sources/TalosOperator/Version.swift)" \
    --build-arg REVISION="$(REVISION)" --build-arg SOURCE_DATE_EPOCH="$(SOURCE_DATE_EPOCH)" \
    --build-arg CREATED="$$(date -u -d '@$(or $(SOURCE_DATE_EPOCH),0)' +%Y-%m-%dT%H:%M:%SZ)"

.PHONY: docker-build
docker-build: ## Build the image IMG with CONTAINER_TOOL=docker, or podman
	$(CONTAINER_TOOL) build $(IMAGE_ARGUMENTS) -t $(IMG) .

.PHONY: docker-push
docker-push: ## Push the image IMG
	$(CONTAINER_TOOL) push $(IMG)

.PHONY: docker-buildx
docker-buildx: ## Build the image for PLATFORMS and push it as IMG, with provenance and bill of materials
	$(CONTAINER_TOOL) buildx build $(IMAGE_ARGUMENTS) --platform=$(PLATFORMS) --provenance=mode=max --sbom=true \
	    --output=type=image,name=$(IMG),push=true,rewrite-timestamp=true .

.PHONY: image-root
image-root: release ## Make the image's file system without a container engine, dist/image; as root
	@hack/install-deps.sh image >/dev/null
	hack/image-root.py

##@ Test

.PHONY: control-plane
control-plane:
	@hack/install-deps.sh control-plane
	@hack/control-plane.sh install >/dev/null

# What a test wants must not be fetched by the test.
.PHONY: test-deps
test-deps: build-deps control-plane check-crds
	@hack/install-deps.sh prometheus helm talos talos-simulator grpc-server >/dev/null
	@if ((EUID == 0)); then $(MAKE) --no-print-directory image-root; \
	    else echo "The tests of the image are left out: they need root."; fi

.PHONY: test
test: test-deps unit simulator-test integration ## Run every test, the integration tests on a real control plane too

.PHONY: unit
unit: build-deps ## Run the tests that need no control plane
	hack/test.sh $(SWIFT_FLAGS) --skip '$(NOT_UNIT_TESTS)'

.PHONY: integration
integration: test-deps ## Run the tests on a real control plane
	hack/test.sh $(SWIFT_FLAGS) --filter '$(NOT_UNIT_TESTS)'

.PHONY: simulator-test
simulator-test: control-plane ## Run the tests of the simulated Talos nodes
	PYTHONPATH=Tests/TalosSimulator "$$(hack/install-deps.sh talos-simulator)" -B -m unittest discover \
	    -s Tests/TalosSimulator/tests -t Tests/TalosSimulator

.PHONY: check-crds
check-crds: control-plane ## Check on a real API server what the CRDs refuse
	@eval "$$(hack/control-plane.sh up check-crds | grep -E '^(KUBECONFIG|KUBECTL)=')"; \
	    trap 'hack/control-plane.sh down check-crds' EXIT; \
	    KUBECONFIG=$$KUBECONFIG KUBECTL=$$KUBECTL "$$(hack/install-deps.sh cel)" -B hack/check-crds.py

.PHONY: tsan
tsan: build-deps ## Run the concurrent tests under the thread sanitizer
	hack/test.sh $(TSAN_FLAGS) --filter '$(CONCURRENT_TESTS)'

.PHONY: asan
asan: build-deps ## Run the unit tests under the address sanitizer, which finds leaks too
	$(LEAK_OPTIONS) hack/test.sh $(ASAN_FLAGS) --skip '$(NOT_UNIT_TESTS)'

.PHONY: sanitize
sanitize: test-deps ## Run every test under either sanitizer, with the program built alike
	$(LEAK_OPTIONS) hack/test.sh $(ASAN_FLAGS)
	hack/test.sh $(TSAN_FLAGS)

.PHONY: fuzz
fuzz: build-deps ## Look SECONDS=60 for inputs that break each parser, or TARGET=yaml alone
	hack/fuzz.sh $(SECONDS) $(TARGET)

.PHONY: check-lifecycle
check-lifecycle: build-deps ## Random lives of clusters (SEED, RUNS=100 of each scenario), and SAMPLE=100 single mishaps, or all
	@echo "Once more: make check-lifecycle SEED=$(SEED)"
	CHECKER_SEED=$(SEED) CHECKER_RUNS=$(or $(RUNS),100) CHECKER_SAMPLE=$(or $(SAMPLE),100) hack/test.sh $(SWIFT_FLAGS) \
	    --filter '^ClusterLifecycleTests\.(Random|Sweep)Tests/'

.PHONY: chaos
chaos: test-deps ## Random work under random faults (SEED, MINUTES=5), then every fault in its long form; or TEST=name
	@echo "Once more: make chaos SEED=$(SEED) MINUTES=$(or $(MINUTES),5)"
	FAULT_FORM=long CHAOS_SEED=$(SEED) CHAOS_MINUTES=$(or $(MINUTES),5) hack/test.sh $(SWIFT_FLAGS) \
	    --filter '$(CHAOS_TESTS)'

.PHONY: end-to-end
end-to-end: test-deps ## Whole lives of clusters on simulated machines, the operator killed and unanswered at every request
	END_TO_END=long hack/test.sh $(SWIFT_FLAGS) --filter '^IntegrationTests\.EndToEnd'

.PHONY: soak
soak: release control-plane ## 20 writers and random faults (SEED, MINUTES=30); memory and descriptors as JSON lines
	@echo "Once more: make soak SEED=$(SEED) MINUTES=$(or $(MINUTES),30)"
	OPERATOR_BINARY=$$PWD/dist/talos-operator CHAOS_SEED=$(SEED) SOAK_MINUTES=$(or $(MINUTES),30) \
	    hack/test.sh $(SWIFT_FLAGS) --filter '^IntegrationTests\.SoakTests/'

.PHONY: bench
bench: release control-plane ## Measure N=100 clusters beside a Go operator (PEER=0: alone); JSON lines
	hack/bench.py --operator 'dist/talos-operator run' --clusters $(N) \
	    $(if $(filter-out 0,$(PEER)),--peer "$$(hack/bench/build-peer.sh)")

.PHONY: bench-curve
bench-curve: ## Measure it with 10, 100, 500 and 1000 clusters; JSON lines, in dist/bench-curve.jsonl too
	for n in 10 100 500 1000; do $(MAKE) --no-print-directory bench N=$$n; done | tee dist/bench-curve.jsonl

.PHONY: bench-lifecycle
bench-lifecycle: release control-plane ## Measure 20 clusters coming up on simulated machines, and 100 at rest; JSON lines
	@hack/install-deps.sh talos-simulator >/dev/null
	hack/bench-lifecycle.py --operator dist/talos-operator --clusters 20 --step 10
	hack/bench-lifecycle.py --operator dist/talos-operator --clusters 100 --talos v1.6.7 --kubernetes v1.29.1

.PHONY: bench-talos
bench-talos: release ## Measure bundles, the configurations of 8 machines, and those of 500 clusters; JSON lines
	$(RELEASE) --product Profile >&2
	.build/release/Profile talos-bundle 20
	.build/release/Profile talos-render 50
	.build/release/Profile talos-clusters 500

.PHONY: profile
profile: release ## Count instructions and allocations of the hot paths, with valgrind; JSON lines
	$(RELEASE) --product Profile >&2
	hack/profile.py .build/release/Profile

.PHONY: profile-scale
profile-scale: release ## Simulate 100, 1,000 and 10,000 clusters in one process; JSON lines
	$(RELEASE) --product Profile >&2
	for n in 100 1000 10000; do .build/release/Profile scale $$n; done
	.build/release/Profile memory 1000

##@ Check

.PHONY: check
check: lint build-strict unit asan tsan ## Everything CI wants besides `make test`

.PHONY: lint
lint: check-deps ## Check format, scripts, texts, imports, budgets, documentation
	swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)
	hack/check-texts.sh
	hack/prometheus-rule.py --check
	hack/check-imports.sh
	hack/check-version.sh
	hack/chart-readme.py --check
	hack/check-docs.py
	"$$(hack/install-deps.sh image)" Dockerfile
	hack/fault-table.py --check
	hack/check-budgets.py

.PHONY: check-deps
check-deps: build-deps
	@hack/install-deps.sh check

.PHONY: build-strict
build-strict: build-deps
	swift build $(SWIFT_FLAGS) --build-tests

.PHONY: format
format: ## Format all Swift files
	swift format --in-place --parallel --recursive $(SWIFT_SOURCES)

##@ Run

.PHONY: control-plane-up
control-plane-up: control-plane ## Start a control plane on loopback and print how to reach it
	hack/control-plane.sh up

.PHONY: control-plane-down
control-plane-down: ## End it and remove all it left
	hack/control-plane.sh down

# kubectl takes an old server's word for what a CRD may contain, and would refuse ours: thus --validate=false.
APPLY = $(KUBECTL) apply --validate=false
MANIFESTS = KUBECTL='$(KUBECTL)' hack/manifests.sh $(IMG)

.PHONY: install
install: ## Put the CRDs into the current cluster
	$(APPLY) -k config/crd

.PHONY: uninstall
uninstall: ## Take them out again, and with them every KubernetesCluster and Machine
	$(KUBECTL) delete --ignore-not-found=$(ignore-not-found) -k config/crd

.PHONY: deploy
deploy: ## Put CRDs, roles and the operator into the current cluster, with the image IMG
	$(MANIFESTS) | $(APPLY) -f -

# Clusters go first: an operator that is there cleans up after them, and their deletion waits for it.
.PHONY: undeploy
undeploy: uninstall ## Take all of that out again
	$(MANIFESTS) | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: build-installer
build-installer: ## Write all of that to one file, dist/install.yaml
	mkdir -p dist
	$(MANIFESTS) >dist/install.yaml

.PHONY: chart
chart: ## Package the Helm chart into dist
	@hack/install-deps.sh helm >/dev/null
	hack/helm.py package charts/talos-operator --destination dist

.PHONY: bundle
bundle: ## Make dist/bundle, for Operator Lifecycle Manager
	KUBECTL='$(KUBECTL)' hack/bundle.py $(IMG)

.PHONY: run
run: build ## Run the operator here, against the current cluster
	.build/debug/talos-operator run

.PHONY: docs
docs: build-deps ## Build the documentation, dist/docs
	mkdir -p .build/docs/symbols dist
	swift build --scratch-path .build/docs --product talos-operator -Xswiftc -emit-symbol-graph \
	    -Xswiftc -emit-symbol-graph-dir -Xswiftc .build/docs/symbols \
	    -Xswiftc -symbol-graph-minimum-access-level -Xswiftc package
	docc convert Sources/TalosOperator/TalosOperator.docc --output-path dist/docs \
	    --fallback-display-name talos-operator --fallback-bundle-identifier io.vitistack.talos-operator \
	    --additional-symbol-graph-dir .build/docs/symbols
