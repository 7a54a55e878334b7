# What a newcomer types. Everything else is in docs/operations.md.
SHELL := /bin/bash
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
LIBS := schemas kernel local sdk cli
SERVICES := contract supervisor_heartbeat completion_detector stale_detector gateway
PARTS := $(LIBS:%=libs/%) $(SERVICES:%=services/%)
BIN := .venv/bin
.DEFAULT_GOAL := help

help:  ## All targets, one line each
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready  ## .venv from the hashed lock, and the workspace in it

.tools/bin/uv:
	@echo "setup: getting uv"
	@$(PYTHON) -m venv .tools && .tools/bin/pip install -q --disable-pip-version-check uv

.venv/.ready: requirements.lock $(wildcard libs/*/pyproject.toml services/*/pyproject.toml) | $(filter .tools/bin/uv,$(UV))
	@echo "setup: .venv from requirements.lock"
	@$(UV) venv -q --allow-existing --no-python-downloads --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@$(UV) pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation $(PARTS:%=-e %)
	@touch $@

run: setup  ## The whole system with a demo fleet, until Ctrl-C
	@$(BIN)/makima up --demo

test: setup lint  ## Lint, types, import contracts, and all tests on a real Postgres and a real NATS
	@$(BIN)/python -m pytest -n auto --dist loadgroup -m "not containers" -rs

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports --no-cache

test-containers: setup  ## The integration tests against testcontainers (needs a Docker engine)
	@MAKIMA_TEST_SERVERS=containers $(BIN)/python -m pytest -m containers -rs

bench: setup  ## The benchmarks beside their baselines: one table, and tests/bench/results.json
	@$(BIN)/python -m tests.bench

chaos: setup  ## The fault suite: kill, freeze, restore and lie, then compare with the truth, fault by fault
	@$(BIN)/python -m pytest tests/guarantees -o addopts="--strict-markers --import-mode=importlib" -v --no-header

mutate: setup  ## Change the rules one by one: does a pure test notice? (docs/mutation.md; minutes)
	@nice $(BIN)/python -m tests.mutation $(RULES)

docs: setup  ## Regenerate what is generated
	@$(BIN)/python -m tests.generated --write

lock:  ## Resolve the dependencies again
	@$(UV) lock -q --upgrade && $(UV) export -q --all-groups --no-emit-workspace --no-header --no-annotate -o requirements.lock
	@$(UV) export -q --no-dev $(foreach service,$(SERVICES),--package makima-$(subst _,-,$(service))) --no-emit-workspace --no-header --no-annotate -o deploy/docker/requirements.lock

.PHONY: help setup run test lint test-containers bench chaos mutate docs lock
