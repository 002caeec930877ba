# Everything a developer or a user does with a checkout; each verb sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
MEMBERS := $(wildcard plugins/*)

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-integration check format openapi bench prove lock clean

help:           ## Show these verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | expand -t 18

setup: $(STAMP) ## Make .venv from the lock and install the project and its plugins into it

$(STAMP): requirements.lock pyproject.toml $(MEMBERS:%=%/pyproject.toml) .ci/venv
	@PYTHON="$(PYTHON)" VENV="$(VENV)" .ci/venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable . $(MEMBERS:%=--editable %)
	@touch $@

demo: $(STAMP)  ## Run forty jobs through the daemon against the built-in simulator
	@$(BIN)/kling-daemon demo

run: $(STAMP)   ## Run the daemon with ./config.toml
	@$(BIN)/kling-daemon run

test: $(STAMP)  ## Run all tests
	@$(BIN)/pytest -n auto --dist worksteal

test-integration: $(STAMP) ## Run the tests against real counterparts; says what it skips
	@$(BIN)/pytest -m integration

check: $(STAMP) ## Lint, format, types, layers, dependencies, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/deptry .
	@$(BIN)/codespell

format: $(STAMP) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

openapi: $(STAMP) ## Write the document of the local API anew
	@$(BIN)/python -m kling_daemon.api

bench: $(STAMP) ## Measure against yardsticks in the same run (SHORT=1 for the short form)
	@$(BIN)/python tests/bench/run.py $(if $(SHORT),--short)

prove: $(STAMP) ## Run the slow proofs: crashes, stops, forgeries, versions, the API (SHORT=1 for the short form)
	@$(BIN)/python -m kling_daemon.prove $(if $(SHORT),--short)
	@SCHEMATHESIS_EXAMPLES=$(if $(SHORT),50,500) $(BIN)/pytest -q -s tests/api/test_schemathesis.py

lock: $(STAMP)  ## Resolve the dependencies anew into requirements.lock
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-package kling-daemon \
		--upgrade --group pyproject.toml:dev -o requirements.lock pyproject.toml $(MEMBERS:%=%/pyproject.toml)

clean:          ## Remove what the verbs made
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
