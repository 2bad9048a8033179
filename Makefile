# Two commands do everything: `make demo` and `make test`. Each sets up .venv first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
export JINA_OPTOUT_TELEMETRY := 1
export JINA_HIDE_SURVEY := 1
export JINA_MP_START_METHOD := spawn

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo bench test test-containers check docs lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

setup: $(VENV)/.runtime ## virtual environment with everything the service needs
setup-dev: $(VENV)/.dev ## the same with the tools of the tests

$(VENV)/.runtime: requirements.lock pyproject.toml
	@echo "Installing into $(VENV): a few minutes, about 6 GB with PyTorch for CUDA"
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.lock
	$(PIP) --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock requirements-parity.lock
	$(PIP) -r requirements-dev.lock
	$(BIN)/python tests/parity/environment.py
	touch $@

demo: setup ## benchmark the embedded models on the embedded data and write the page
	$(BIN)/clipbench demo --out results

bench: setup-dev ## speed and memory against peers, each with its bar
	$(BIN)/python -m benchmarks

test: setup-dev ## the whole suite but for what needs a container engine
	$(BIN)/python -m pytest -m "not container" -n 2 --dist loadfile --max-worker-restart 0

test-containers: setup-dev ## what needs a Docker engine
	$(BIN)/python -m pytest -m container

check: setup-dev ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup-dev ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --python-version 3.11 \
	--generate-hashes --override requirements-override.txt
PEER := UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --quiet --python-version 3.11 \
	--generate-hashes --no-annotate
# PyTorch and what it brings come from our environment: a copy would be 5 GB of the same
SHARED := $(addprefix --no-emit-package ,$(shell sed -nE \
	's/^(torch|triton|sympy|mpmath|networkx|cuda-[a-z-]*|nvidia-[a-z0-9-]*)==.*/\1/p' requirements.lock))
lock: ## resolve the locks anew (needs uv); each takes the versions of the one before
	$(LOCK) requirements.in -o requirements.lock
	$(LOCK) requirements-slim.in -c requirements.lock -o requirements-slim.lock
	$(LOCK) requirements-dev.in -c requirements.lock -o requirements-dev.lock
	cd benchmarks/peers && $(PEER) stock.in -o stock.lock && $(PEER) $(SHARED) infinity.in -o infinity.lock

clean: ## remove what the targets made
	rm -rf $(VENV) .parity results state site .pytest_cache .mypy_cache .ruff_cache .hypothesis
