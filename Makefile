# The one door: people, hooks and CI call these, never the tools behind them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
CARGO := PATH="$${CARGO_HOME:-$$HOME/.cargo}/bin:$$PATH" cargo
NATIVE := --manifest-path native/Cargo.toml
# Everything of ours that is Python; a folder that is not there yet is left out.
PY := $(wildcard gateway tests scripts benchmarks loadtest)

##@ Use

.PHONY: setup
setup: ## Make .venv with a working .venv/bin/agentcc
	@scripts/setup.sh run

.PHONY: run
run: setup ## Start the gateway with its defaults (a stand-in provider where no provider key is set)
	@$(BIN)/agentcc serve

##@ Change

.PHONY: dev
dev: ## As setup, with the tools for tests and lint
	@scripts/setup.sh run dev

.PHONY: test
test: dev ## Run the whole test suite: Python, then Rust
	@$(MAKE) --no-print-directory --keep-going test-python test-rust

.PHONY: test-python test-rust
test-python:
	@$(BIN)/python -m pytest
test-rust:
	@$(CARGO) test $(NATIVE) --workspace --locked --quiet

.PHONY: lint
lint: dev ## Check style, types, import contracts, docs and the Dockerfile; says all that is wrong, not the first
	@$(MAKE) --no-print-directory --keep-going lint-style lint-types lint-imports lint-rust lint-docs

.PHONY: lint-style lint-types lint-imports lint-rust lint-docs
lint-style:
	@$(BIN)/ruff check $(PY)
	@$(BIN)/ruff format --check $(PY)
lint-types:
	@$(BIN)/mypy
	@$(BIN)/python -m mypy.stubtest gateway._native
lint-imports:
	@$(BIN)/lint-imports --no-logo
lint-rust:
	@$(CARGO) fmt $(NATIVE) --all --check
	@$(CARGO) clippy $(NATIVE) --workspace --all-targets --locked --quiet -- -D warnings
lint-docs:
	@$(BIN)/python scripts/build_catalog.py --check
	@$(BIN)/python scripts/generate_reference.py --check
	@$(BIN)/hadolint Dockerfile

.PHONY: format
format: dev ## Rewrite Python and Rust in the house style
	@$(BIN)/ruff check --fix --quiet $(PY) || true
	@$(BIN)/ruff format $(PY)
	@$(CARGO) fmt $(NATIVE) --all

.PHONY: goldens
goldens: dev ## Rewrite what is made from the code: docs/reference, the price catalogue; review the diff
	@$(BIN)/python scripts/build_catalog.py
	@$(BIN)/python scripts/generate_reference.py

.PHONY: lock
lock: dev ## Lock requirements*.in anew; UPGRADE=1 takes newer versions, UPGRADE=name one newer package
	@scripts/lock.sh $(UPGRADE)

##@ Measure

.PHONY: bench
bench: dev ## Measure against nginx on this machine; writes benchmarks/results
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-peers
bench-peers: dev ## As bench, with LiteLLM and Portkey in the same table
	@$(BIN)/python -m benchmarks --peers $(ARGS)

.PHONY: load
load: dev ## Load a gateway with Locust and k6
	@scripts/setup.sh load
	@$(BIN)/python -m loadtest $(ARGS)

.PHONY: soak
soak: dev ## Spend hard caps from 64 clients amid kill -9, on SQLite and on Redis, and break all that can break (half an hour); ARGS="--seed N" for others
	@failed=0; \
	$(BIN)/python -m loadtest budget --store both --repeat 20 $(ARGS) || failed=1; \
	$(BIN)/python -m loadtest budget --store both --repeat 3 --no-chaos $(ARGS) || failed=1; \
	$(BIN)/python -m loadtest budget --store both --aborts 1000 $(ARGS) || failed=1; \
	AGENTCC_SOAK=1 $(BIN)/python -m pytest tests/e2e/faults || failed=1; \
	exit $$failed

.PHONY: fuzz
fuzz: dev ## Try ten million broken bodies and texts on the guard, in Rust and then in Python; INPUTS=n, ARGS for pytest
	@AGENTCC_FUZZ_INPUTS=$(INPUTS) $(CARGO) test $(NATIVE) --package agentcc-core --release --locked --quiet --test text_view_mutations -- --nocapture
	@AGENTCC_FUZZ_INPUTS=$(INPUTS) $(BIN)/python -m pytest -q -s -o faulthandler_timeout=0 tests/fuzz/test_guard.py $(ARGS)
fuzz: INPUTS ?= 10000000

##@ Else

.PHONY: clean
clean: ## Remove everything that was built: .venv, caches, native/target
	@rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .setup.lock native/target
	@rm -f gateway/_native*.so
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
