# Two commands do everything: `make run` and `make test`. Both create .venv from requirements.txt first, with uv.
PYTHON ?= python3
REQUIREMENTS ?= requirements.txt
BIN = .venv/bin
UV = $(BIN)/uv
# Give the CPU file its back-end: make run REQUIREMENTS=requirements-cpu.txt
UV_FLAGS = $(if $(findstring cpu,$(REQUIREMENTS)),--torch-backend cpu)
IMAGE ?= ticketsmith/runner:$(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' sdk/ticketsmith/__init__.py)
SECRET = --secret id=ca,src=$(CA)
# The first of the three that works: a docker without its daemon does not.
BUILDER = $(shell if docker info >/dev/null 2>&1; then echo docker build; elif podman info >/dev/null 2>&1; \
  then echo podman build; elif command -v buildah >/dev/null; then echo buildah bud --layers; fi)

.DEFAULT_GOAL := help

help: ## show this help
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

run: .venv/ready ## find a ticket on handwritten digits; ARGS="--task mnist-lenet300" for other options
	$(BIN)/ticketsmith run imp --sparsity 0.8 --until-fail $(ARGS)

test: .venv/ready ## lint, types, layers and all tests, in two processes; ARGS="tests/runner" for a part, ARGS="-n 0" for one process
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

gate-worlds: .venv/ready ## how often the gate errs, in every world of tests/gate/worlds.py; half an hour; ARGS=1000 for fewer studies
	$(BIN)/python -m tests.gate.table $(ARGS)

e2e: .venv/ready ## whole runs on a real cluster, with faults: tests/e2e/conftest.py says what it needs
	$(BIN)/python -m pytest tests/e2e -rs --maxfail=3 $(ARGS) # on a broken cluster each would wait out its limit

format: .venv/ready ## format the code
	$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .

lock: .venv/ready ## compile the three requirements files from pyproject.toml; ARGS=--upgrade for the newest pins
	$(UV) pip compile --universal --all-extras --group dev --quiet --no-header --no-annotate $(ARGS) pyproject.toml -o requirements.txt
	echo "-e ." >> requirements.txt
	{ sed -n '/^#/p' requirements-cpu.txt; grep -vE '^(nvidia-|cuda-|triton==)' requirements.txt; } > .venv/cpu.txt
	mv .venv/cpu.txt requirements-cpu.txt
	grep -v '^-e' requirements.txt > .venv/pins.txt
	$(UV) pip compile --universal --extra runner --extra gcs --extra emoji --quiet --no-header --no-annotate -c .venv/pins.txt pyproject.toml -o images/requirements.txt

render: .venv/ready ## render the workflow templates into argo/base/rendered
	$(BIN)/python -m ticketsmith_workflows render

image: ## build the runner's image with docker, podman or buildah; IMAGE=name:tag BASE=image CA=certificates.crt
	@test -n "$(BUILDER)" || { echo "error: no docker, podman or buildah"; echo "  fix: install one of them"; exit 2; }
	$(BUILDER) $(if $(BASE),--build-arg BASE=$(BASE)) $(if $(CA),$(SECRET)) -t $(IMAGE) -f images/runner.Dockerfile .

clean: ## remove the environment and what tools cached
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/ready: $(REQUIREMENTS) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is missing or older than 3.11"; echo "  fix: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(UV) || $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv || \
	  { echo "error: $(PYTHON) cannot make environments"; echo "  fix: install its venv module (Debian: apt install python3-venv)"; exit 2; }
	@test -x $(UV) || $(BIN)/python -m pip install --disable-pip-version-check uv==0.13.9
	$(UV) pip install --python $(BIN)/python --compile-bytecode $(UV_FLAGS) -r $(REQUIREMENTS) # or each start compiles torch
	@touch $@

.PHONY: help run test gate-worlds e2e format lock render image clean
