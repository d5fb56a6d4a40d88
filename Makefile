# The one vocabulary of this project: `make help` lists the verbs.
SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin
INSTALLED := .venv/.installed
PYTEST ?=

.PHONY: help
help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## Make .venv with the locked dependencies

.venv/pyvenv.cfg:
	@runtime/make-venv.sh

$(INSTALLED): .venv/pyvenv.cfg requirements.lock pyproject.toml
	@echo "installing the locked dependencies"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: lock
lock: $(INSTALLED) ## Resolve requirements.lock from pyproject.toml again
	$(BIN)/uv pip compile -q --extra dev --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --python-version 3.11 --universal \
	    -o requirements.lock pyproject.toml runtime/build-requires.in
	$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --python-version 3.11 --universal -c requirements.lock \
	    -o runtime/images/requirements.lock pyproject.toml

.PHONY: runtime
runtime: $(INSTALLED) ## Build Dapr and get Redis, if they are missing
	@$(BIN)/quartet runtime build

.PHONY: format
format: $(INSTALLED) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lint
lint: $(INSTALLED) ## Lint and check the formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: typecheck
typecheck: $(INSTALLED) ## Check the types, strictly
	$(BIN)/mypy

.PHONY: imports
imports: $(INSTALLED) ## Check which package may import which
	$(BIN)/lint-imports

.PHONY: generate
generate: $(INSTALLED) ## Write dapr.yaml, components/ and config/ anew
	$(BIN)/quartet generate

.PHONY: check
check: lint typecheck imports ## Everything that needs no running suite
	$(BIN)/quartet generate --check

.PHONY: tools
tools: $(INSTALLED) ## Build what the chart is checked with, if it is missing
	@$(BIN)/quartet cluster tools > /dev/null

.PHONY: chart
chart: tools ## Check the chart without a cluster
	$(BIN)/python -m pytest tests/chart

.PHONY: test
test: runtime tools ## Every test, those on the real runtime included (PYTEST="-k name" for some)
	@$(BIN)/python -m tests $(PYTEST)

.PHONY: demo
demo: runtime ## Run the samples of the payables pack from end to end
	@$(BIN)/quartet demo

.PHONY: run
run: runtime ## Start the suite and leave it up
	@$(BIN)/quartet suite up
	@echo 'The suite is up. Go on with:'
	@echo '  $(BIN)/quartet submit packs/payables/samples --batch first --wait'
	@echo '  $(BIN)/quartet task list        (then: quartet task show TASK)'
	@echo '  $(BIN)/quartet payments close'
	@echo '  make stop'

.PHONY: stop
stop: $(INSTALLED) ## Stop what `make run` started
	@$(BIN)/quartet suite down

.PHONY: cluster
cluster: $(INSTALLED) ## Start a local Kubernetes with Dapr and leave it up
	@$(BIN)/quartet cluster up
	@echo 'The cluster is up. Go on with:'
	@echo '  $(BIN)/quartet cluster run -- bash      (a shell with kubectl and helm; then as in the README)'
	@echo '  make cluster-stop'

.PHONY: cluster-stop
cluster-stop: $(INSTALLED) ## Stop what `make cluster` started
	@$(BIN)/quartet cluster stop

.PHONY: test-k8s
test-k8s: $(INSTALLED) ## The tests on a real Kubernetes, started and stopped (PYTEST="-k name" for some)
	@$(BIN)/python -m tests.k8s $(PYTEST)

.PHONY: drill
drill: $(INSTALLED) ## Longer ones: replicas, rotation, control plane, restore, refused installs, swap
	@$(BIN)/python -m tests.k8s --drills $(PYTEST)

.PHONY: bench
bench: runtime ## Measure speed and size
	$(BIN)/python -m bench
