# make demo   design molecules on this machine, from nothing
# make test   the test suite, from nothing; make test-slow runs the long tests that it leaves out
# make lint   style, types and layers
# make docs   the site of documentation, into site/
# make dist   wheel and source archive, checked, into dist/
# make clean  remove what these made
#
# VENV=folder chooses the virtual environment, PYTHON=python3.12 the interpreter it is made with.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
PYTHON ?= $(shell for name in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$name -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := $(VENV)/bin
EXTRAS := app,dev,docs,hub,notebook,parquet,tensorboard

# torch takes minutes to download: dots show that the installation lives
define install
	printf 'installing %s ' "$(1)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '$(1)' & \
	pid=$$!; trap "kill $$pid 2>/dev/null || true" INT TERM; \
	while kill -0 $$pid 2>/dev/null; do printf .; sleep 2; done; echo; wait $$pid
endef

.PHONY: help
help:
	@sed -n 's/^# \{0,1\}//p; /^$$/q' Makefile

.PHONY: demo
demo: $(VENV)/.runtime
	$(BIN)/molvae design

.PHONY: test
test: $(VENV)/.development
	$(BIN)/python -m pytest --numprocesses auto

.PHONY: test-slow
test-slow: $(VENV)/.development
	$(BIN)/python -m pytest --numprocesses auto -m slow

.PHONY: lint
lint: $(VENV)/.development
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# NO_MKDOCS_2_WARNING: the announcement of a successor is no warning about our pages
.PHONY: docs
docs: $(VENV)/.development
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --site-dir site

.PHONY: dist
dist: $(VENV)/.development
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/python -m twine check --strict dist/*

.PHONY: clean
clean:
	rm -rf .venv build site dist .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find molvae tests pipelines notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "no Python of version 3.11 or later with its venv module was found: install one, or name it with PYTHON=..." >&2; exit 1; fi
	@echo "creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

# The stamps make an environment once, and again when the requirements change.
$(VENV)/.runtime: pyproject.toml constraints.txt | $(BIN)/python
	@$(call install,.)
	@touch $@

$(VENV)/.development: pyproject.toml constraints.txt | $(BIN)/python
	@$(call install,.[$(EXTRAS)])
	@touch $@ $(VENV)/.runtime
