# The commands for development. For operations see docs/operations.md.
SHELL := /bin/bash
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
LIBS := schemas kernel local sdk daemon cli
SERVICES := contract supervisor_heartbeat completion_detector stale_detector gateway
PARTS := $(LIBS:%=libs/%) $(SERVICES:%=services/%)
BIN := .venv/bin
WEB := $(PYTHON) services/gateway/web/build.py
DIST := dist
OURS := makima-schemas makima-kernel makima-local makima-sdk makima-daemon makima-server $(foreach service,$(SERVICES),makima-$(subst _,-,$(service)))
COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(OURS:%=--no-emit-package %)
LINT = $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/basedpyright && $(BIN)/lint-imports --no-cache
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)  # more than the cores, as tests also wait for I/O
.DEFAULT_GOAL := help
# Hundreds of processes start in a test run: without compiled files each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

help:  ## List all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.dev  ## Create .venv with everything for development, from the hashed locks, and build the page
	@$(WEB) || echo "setup: the page is not built; 'make web' says why. All else works without it"

.tools/bin/uv:
	@echo "setup: installing uv"
	@$(PYTHON) -m venv .tools && .tools/bin/pip install -q --disable-pip-version-check uv

.venv/.run: requirements.lock $(PARTS:%=%/pyproject.toml) | $(filter .tools/bin/uv,$(UV))
	@echo "setup: .venv from requirements.lock"
	@$(UV) venv -q --allow-existing --no-python-downloads --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@$(UV) pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation $(PARTS:%=-e %)
	@touch $@

.venv/.dev: .venv/.run requirements-dev.lock
	@echo "setup: test dependencies, from requirements-dev.lock"
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

web: | $(filter .tools/bin/uv,$(UV))  ## Build the web page that the gateway serves, unless it is built already
	@$(WEB)

web-test: | $(filter .tools/bin/uv,$(UV))  ## Types and tests of the page's modules
	@$(WEB) test

run: .venv/.run  ## Run the whole system with a demo fleet, until Ctrl-C
	@$(WEB) || echo "run: the page is not built; 'make web' says why. All else works without it"
	@$(BIN)/makima up --demo

test: setup  ## Lint, types, import contracts, the page's modules where it is built, and all tests on a real Postgres and a real NATS
	@[ -d tests/__pycache__ ] || $(BIN)/python -m pytest --collect-only -qq >/dev/null  # compiles once, not in each worker
	@found=$$(mktemp); { $(LINT) && if [ -d services/gateway/web/node_modules ]; then $(WEB) test; fi; } >$$found 2>&1 & lint=$$!; \
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not containers" -rs; tested=$$?; \
	wait $$lint; linted=$$?; echo "lint:"; cat $$found; rm -f $$found; \
	exit $$((tested || linted))

lint: setup
	@$(LINT)

test-containers: setup  ## The integration tests against testcontainers (needs a Docker engine)
	@MAKIMA_TEST_SERVERS=containers $(BIN)/python -m pytest -m containers -rs

bench: setup  ## Run the benchmarks and their baselines: one table, and tests/bench/results.json
	@$(BIN)/python -m tests.bench

chaos: setup  ## Do to the running system what must not harm it, compare what is left with the truth (docs/faults.md); FAULTS="r1 r5" for some
	@$(BIN)/python -m tests.faults $(FAULTS)

test-browser: setup  ## The web page in a real Chromium; says why where it cannot
	@$(BIN)/python -m pytest tests/browser -rs

tour: setup  ## Take the pictures of docs/tour.md again, from a running demo (needs a Chromium; 2 minutes)
	@$(BIN)/python -m tests.browser.tour

states: setup  ## Take a picture of every page in each state, at 1440 and 390 px, light and dark, into TO=folder (needs a Chromium)
	@$(BIN)/python -m tests.browser.states $(or $(TO),.states)

test-long: setup  ## The tests of guarantees in full, with the long variants that `make test` shortens (MAKIMA_TEST_CHAOS=1)
	@MAKIMA_TEST_CHAOS=1 $(BIN)/python -m pytest tests/guarantees tests/services/completion_detector/test_a_thousand*.py tests/services/gateway/api/test_fuzz.py tests/daemon/test_a_fleet_under_random_kills.py tests/daemon/test_a_fleet_and_outages.py tests/daemon/test_a_supervised_contract.py -o addopts="--strict-markers --import-mode=importlib" -v --no-header

house: setup  ## Size and imports of every package as one table; BEFORE=<revision> also shows an older revision (docs/house.md)
	@$(BIN)/python -m tests.house $(if $(BEFORE),--before $(BEFORE))

mutate: setup  ## Mutation tests of the rules (docs/mutation.md; takes minutes)
	@nice $(BIN)/python -m tests.mutation $(RULES)

docs: setup  ## Regenerate the generated documents
	@$(BIN)/python -m tests.generated --write

dist: .venv/.run  ## Build wheels and sdists of all distributions into dist/, each wheel from its sdist
	@rm -rf $(DIST)
	@$(UV) build -q --all-packages --offline --no-build-isolation --python $(BIN)/python -o $(DIST)

lock:  ## Resolve the dependencies again; locked packages keep their versions
	@$(COMPILE) pyproject.toml --group dev -o requirements-dev.lock
	@$(COMPILE) pyproject.toml --group editable -c requirements-dev.lock -o requirements.lock
	@$(COMPILE) libs/kernel/pyproject.toml $(SERVICES:%=services/%/pyproject.toml) -c requirements-dev.lock -o deploy/docker/requirements.lock
	@$(COMPILE) --group image -c requirements-dev.lock -o deploy/docker/requirements-build.lock

upgrade:  ## Resolve the dependencies to their newest versions
	@rm -f requirements-dev.lock && $(MAKE) -s lock

.PHONY: help setup run test test-browser tour states web web-test lint test-containers test-long bench chaos house mutate docs dist lock upgrade
