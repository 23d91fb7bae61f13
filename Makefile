# What can I do here? `make` alone lists it.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench crash soak fuzz leaks clean
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## install mailgate and all that its tests need into .venv

demo: $(VENV)/.demo ## play with a help desk: no server and no settings needed
	$(VENV)/bin/mailgate demo

test: $(VENV)/.dev ## check style, types and behaviour
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest -n 3 --dist worksteal -rs

bench: $(VENV)/.dev ## measure how much mail goes through
	$(PY) tests/bench/throughput.py
	$(PY) tests/bench/ticking.py

crash: $(VENV)/.dev ## kill mailgate a thousand times on each database and count the mail (20 minutes)
	$(PY) tests/crash/run.py

soak: $(VENV)/.dev ## run a day of mail in ten minutes and watch memory, files and connections
	$(PY) tests/soak/run.py

fuzz: $(VENV)/.dev ## surprise mailgate with damaged mails, orders and servers for half an hour
	$(PY) tests/fuzz/run.py

leaks: $(VENV)/.dev ## look longer for words that reach the wrong person
	MAILGATE_EXAMPLES=1200 $(VENV)/bin/pytest --timeout=900 tests/test_outsiders_learn_nothing.py

clean: ## remove .venv and what the tools left behind
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: what is installed is as pyproject.toml says it.
$(VENV)/.dev: pyproject.toml | $(PY)
	@echo "Installing mailgate with everything for its tests into $(VENV) ..."
	@$(PIP) --editable '.[demo,dev,holidays,postgresql]'
	@touch $(VENV)/.demo $@

$(VENV)/.demo: pyproject.toml | $(PY)
	@echo "Installing mailgate and its demo servers into $(VENV) ..."
	@$(PIP) --editable '.[demo]'
	@touch $@

$(PY):
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) is not installed: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "mailgate needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
	       "name a newer one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
