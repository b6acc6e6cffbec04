# Everything runs in .venv, installed from hashed locks. `make help` lists what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
KILLS ?= 1000
SEED ?= 1
MINUTES ?= 60
EXAMPLES ?= 100
# One more than there are cores: tests wait for the servers that they started.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo example run test lint types imports format bench chaos schemathesis screenshots lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

example: $(VENV)/.run ## PLATFORM=petuniverse: one of the platforms in examples/, played and watched
	@$(BIN)/python -m examples $(PLATFORM) $(FAULT)

demo: $(VENV)/.run ## simulated platforms, 30 days of history, a live outage every few minutes, an inbox
	@$(BIN)/nines demo

run: $(VENV)/.run ## serve config.yaml as it is
	@$(BIN)/nines serve --config config.yaml

test: $(VENV)/.dev lint types imports ## lint, types, import rules, all tests (WORKERS= side by side)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

lint: $(VENV)/.dev ## style and common faults
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict on code and tests
	$(BIN)/mypy

imports: $(VENV)/.dev ## the rooms import one way only
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev ## write the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## every claim of speed, as ratios beside a peer (takes minutes)
	$(BIN)/python -m benchmarks

chaos: $(VENV)/.dev ## kill Nines 1,000 times at random and judge what was heard (KILLS=, SEED=, MINUTES=)
	$(BIN)/python -m tests.chaos --kills $(KILLS) --seed $(SEED) --minutes $(MINUTES)

schemathesis: $(VENV)/.dev ## thousands of requests made from the API's description (EXAMPLES=, SEED=)
	SCHEMATHESIS_EXAMPLES=$(EXAMPLES) SCHEMATHESIS_SEED=$(SEED) $(BIN)/python -m pytest -q \
	  tests/web/security/test_described_answers.py

screenshots: $(VENV)/.dev ## every page in both themes, from the demo, by Chromium
	$(BIN)/python -m scripts.screenshots
	$(BIN)/python -m scripts.pages_received

lock: ## refresh the hashed locks (needs uv)
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements/run.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --no-annotate -q -o requirements/dev.lock

clean: ## forget the environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing Nines into $(VENV) (once) ..."
	@$(PIP) install --quiet --require-hashes -r requirements/run.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing Nines and its test tools into $(VENV) (once) ..."
	@$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run
