# Everything a person types. `make help` lists it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
ENV := $(VENV)/.installed
UV_VERSION := 0.13.9
export PYTHONWARNINGS ?= ignore
# compiled once, imports take a second and not ten
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help env demo test lint pytest proofs ui bench bench-planted bench-history format lock clean

help: ## list every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

env: $(ENV) ## the Python environment, from the lock file

$(ENV): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 is needed, this is " + sys.version.split()[0] + ": set PYTHON=/path/to/python3.11") if sys.version_info[:2] != (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet uv==$(UV_VERSION) 2>/dev/null || echo "uv is not to be had: installing with pip, which takes longer"
	@($(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock 2>/dev/null) || $(BIN)/pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(ENV)

demo: $(ENV) ## demo company → lake → marts → CRMs, and a report of what came out
	@$(BIN)/plg demo generate --if-missing
	@$(BIN)/plg run
	@$(BIN)/plg demo report

test: lint pytest ## linters and the whole test suite

lint: $(ENV)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/yamllint --strict .
	@$(BIN)/codespell
	@$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar --nocolor models dbt_project/data_tests

pytest: $(ENV)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

proofs: $(ENV) ## the tests that take minutes: increments against a rebuild, un-merge to the CRMs, shuffled loads
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m proof $(PYTEST_ARGS)

ui: $(ENV) ## Dagster and the CRM mocks together; one Ctrl-C stops all
	@$(BIN)/plg ui

bench: $(ENV) ## time on 1 M and 10 M events, 1 M of billing, 5.5 M scores, 1 M rows to sync
	@$(BIN)/python -m bench.pipeline $(BENCH_ARGS)
	@$(BIN)/python -m bench.revenue_events
	@$(BIN)/python -m bench.scores
	@$(BIN)/python -m bench.sync_diff

bench-planted: $(ENV) ## what the proof of scores and account health find of what the demo company planted
	@$(BIN)/python -m bench.pql_proof
	@$(BIN)/python -m bench.health

bench-history: $(ENV) ## what a night of 100,000 events costs on 1, 2, 4 and 8 parts of history
	@$(BIN)/python -m bench.history $(BENCH_ARGS)

format: $(ENV) ## rewrite Python and SQL in the house style
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .
	@$(BIN)/sqlfluff fix --quiet --processes 2 models dbt_project/data_tests

lock: $(ENV) ## resolve the dependencies of pyproject.toml anew into requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra dev --python-version 3.11 --generate-hashes --no-strip-extras --no-emit-index-url --no-header -o requirements.lock

clean: ## remove the environment and the installation in .plg
	@rm -rf $(VENV) .plg
