# Two commands do everything: `make demo` and `make test`. Each sets up .venv first, with the newest Python of
# 3.13, 3.12 and 3.11 that runs here. `make demo PYTHON=python3.12` takes another, and makes .venv anew for it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
export JINA_OPTOUT_TELEMETRY := 1
export JINA_HIDE_SURVEY := 1
export JINA_MP_START_METHOD := spawn
# two test workers and their servers share the cores: a thread that waits for another gives its core away
test test-quick test-containers: export OMP_WAIT_POLICY := passive

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo bench bench-gpu bundle test test-quick test-full-size test-containers check docs wheel lock clean

ifneq (,$(filter-out help lock clean bundle,$(MAKECMDGOALS)))
INTERPRETER := $(shell PYTHON='$(PYTHON)' .ci/python $(VENV))
ifeq (,$(INTERPRETER))
$(error no Python to set up $(VENV) with)
endif
VERSION := $(shell $(INTERPRETER) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
endif
LOCKS := requirements/py$(VERSION)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

setup: $(VENV)/.runtime-$(VERSION) ## virtual environment with everything the service needs
setup-dev: $(VENV)/.dev-$(VERSION) ## the same with the tools of the tests

$(VENV)/.runtime-$(VERSION): $(LOCKS)/server.lock pyproject.toml
	@echo "Installing into $(VENV) with Python $(VERSION): a few minutes, about 8 GB with PyTorch for CUDA"
	$(BIN)/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(VERSION)")' 2>/dev/null \
		|| $(INTERPRETER) -m venv --clear $(VENV)
	$(PIP) -r $(LOCKS)/server.lock
	$(PIP) --no-build-isolation --editable .
	touch $@

$(VENV)/.dev-$(VERSION): $(VENV)/.runtime-$(VERSION) $(LOCKS)/dev.lock requirements/parity.lock requirements/stock.lock requirements/judged.lock requirements/mteb.lock requirements/infinity.lock requirements/calibration.lock
	$(PIP) -r $(LOCKS)/dev.lock
	$(BIN)/python -m tests.environments
	touch $@

demo: setup ## benchmark the embedded models on the embedded data and write the page
	$(BIN)/clipbench demo --out results

bench: setup-dev ## speed and memory against peers, each with its bar
	$(BIN)/python -m benchmarks

bench-gpu: setup ## one card in five minutes, offline
	$(BIN)/python -m benchmarks.gpu

PYTHON_VERSION ?= 3.12
bundle: ## for a machine with Python and PyTorch alone: PYTHON_VERSION=3.12 HAVE=FILE PARTS=12M
	rm -rf build
	python="$$(.ci/python $(PYTHON_VERSION))" && "$$python" -m venv --clear build/bundle
	build/bundle/bin/python deploy/bundle.py $(if $(HAVE),--have '$(HAVE)') $(if $(PARTS),--parts $(PARTS))
	rm -rf build

CORE := tests/metrics tests/contract tests/results tests/flow
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
test: setup-dev ## the whole suite but for what needs a container engine, and all models at full size
	$(BIN)/python -m pytest -m "not container and not full_size" $(PARALLEL)

test-quick: setup-dev ## the core on one more Python: metrics, contract, results, the Flow
	$(BIN)/python -m pytest -m "not container and not slow" $(PARALLEL) $(CORE)

test-full-size: setup-dev ## models of every kind at full size against the originals: half an hour, 8 GB
	$(BIN)/python -m pytest -m full_size
	$(BIN)/python -m tests.networks.full_size

CONTAINERS := .venv-containers
$(CONTAINERS)/.ready-$(VERSION): $(LOCKS)/client.lock $(LOCKS)/dev.lock
	$(INTERPRETER) -m venv --clear $(CONTAINERS)
	$(subst $(BIN),$(CONTAINERS)/bin,$(PIP)) -r $(LOCKS)/client.lock
	$(subst $(BIN),$(CONTAINERS)/bin,$(PIP)) -r $(LOCKS)/dev.lock
	touch $@

test-containers: $(CONTAINERS)/.ready-$(VERSION) ## what needs a Docker engine, from an environment without torch
	$(CONTAINERS)/bin/python -m pytest -m container tests/containers

check: setup-dev ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: setup ## the package, in dist/
	rm -rf build  # setuptools would put files into the wheel that the tree no longer has
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	rm -rf build

docs: setup-dev ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --generate-hashes
LOCK := $(COMPILE) --override requirements/override.txt --constraint requirements/constraints.txt
# the peers' packages have no wheels for a newer Python than 3.11
PEER := $(COMPILE) --python-version 3.11 --no-annotate
# PyTorch and what it brings come from our environment: a copy would be 5 GB of the same
SHARED := $(addprefix --no-emit-package ,$(shell sed -nE \
	's/^(torch|torchvision|triton|sympy|mpmath|networkx|cuda-[a-z-]*|nvidia-[a-z0-9-]*)==.*/\1/p' requirements/py3.11/server.lock))
lock: ## resolve the locks anew (needs uv); each takes the versions of the one before
	for version in 3.11 3.12 3.13; do \
		folder=requirements/py$$version; mkdir -p $$folder; \
		$(LOCK) --python-version $$version pyproject.toml --extra server -o $$folder/server.lock; \
		$(LOCK) --python-version $$version pyproject.toml -c $$folder/server.lock -o $$folder/client.lock; \
		$(LOCK) --python-version $$version --group dev -c $$folder/server.lock -o $$folder/dev.lock; \
	done
	cd benchmarks/peers && $(PEER) $(SHARED) stock.in -o stock.lock && $(PEER) $(SHARED) infinity.in -o infinity.lock

clean: ## remove what the targets made
	rm -rf $(VENV) .peers build dist results state site .pytest_cache .mypy_cache .ruff_cache .hypothesis
