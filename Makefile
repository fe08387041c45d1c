# Everything here needs only Python 3.11 or newer, git, bash and make.
SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

GOAL = What laws hold under crashes, and how are they kept?
FILES = docs
ARGS =
PYTEST =
export GOAL FILES

.PHONY: help setup run up doctor test lint format types unit clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@printf '\n  make run GOAL="your question" FILES=some/folder ARGS="--json"\n'

setup: ## Install the locked packages into .venv
	@scripts/setup

run: setup ## Answer a question over a folder, with a team of agents
	@.venv/bin/treehold run "$$GOAL" --files "$$FILES" $(ARGS) || { status=$$?; [ $$status = 3 ] || exit $$status; }

up: setup ## Serve the API, the trace viewer and workers on this machine
	@.venv/bin/treehold up $(ARGS)

doctor: setup ## Show what is configured and whether it answers
	@.venv/bin/treehold doctor $(ARGS)

test: ## The gate: lint, format, imports, types and all tests (PYTEST="-k word" narrows)
	@scripts/gate $(PYTEST)

lint: ## Check style and import rules
	@scripts/setup --dev
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/lint-imports

format: ## Rewrite files in the house format
	@scripts/setup --dev
	@.venv/bin/ruff check --fix . && .venv/bin/ruff format .

types: ## Check types
	@scripts/setup --dev
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 .venv/bin/pyright

unit: ## Run the unit tests, which need nothing but Python
	@scripts/setup --dev
	@.venv/bin/python -m pytest tests/unit sdk/tests $(PYTEST)

clean: ## Remove what setup and the tools made; your Treehold data stays
	@rm -rf .venv .tools .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
