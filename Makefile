# Everything here works on a machine with nothing but Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# the certificates that this machine trusts, also behind a company's proxy
export UV_SYSTEM_CERTS := 1
# compiled once: otherwise every process of every test compiles a thousand modules
unexport PYTHONDONTWRITEBYTECODE

# a test worker for each core, up to eight; idle workers take over tests of busy ones
PARALLEL := -n auto --maxprocesses 8 --dist worksteal
# no PostgreSQL, no browser, no process but the tests' own
QUICK := $(addprefix tests/,model security services store engine connectors api outbound web)

.PHONY: help setup demo test quick chaos scale check wheels clients lock clean

help: ## what each target does
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.run ## make the environment in .venv
demo: setup ## start gateway, simulator and a demo vendor, play one order's story, keep serving until Ctrl-C
	@$(BIN)/greenroom demo

test: $(VENV)/.dev ## the checks, then every test (PostgreSQL's too)
	@$(MAKE) --no-print-directory check
	@$(BIN)/pytest $(PARALLEL)

quick: $(VENV)/.dev ## the fast tests alone: on SQLite, without other processes (under a minute)
	@$(BIN)/pytest $(PARALLEL) -m "not postgres and not browser" $(QUICK)

chaos: $(VENV)/.dev ## kills, outages, full disks and wrong clocks under load, the long form; JSON=FILE writes the figures
	@$(BIN)/pytest tests/chaos -m chaos $(if $(JSON),--chaos-json=$(JSON)) $(if $(ONLY),-k "$(ONLY)")

scale: $(VENV)/.dev ## the plans of every query of every day with a million orders, on both databases (minutes)
	@$(BIN)/pytest -m scale

check: $(VENV)/.dev ## formatting, lint, layers, types, plain words
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy
	@$(BIN)/python tools/check_words.py

wheels: $(VENV)/.run ## build both packages into dist/: a source distribution and a wheel each
	@rm -rf dist
	@for source in . sandbox; do $(BIN)/uv build -q --no-build-isolation --python $(BIN)/python -o dist $$source || exit 1; done

clients: $(VENV)/.dev ## build the typed clients into dist/: a Python wheel and, where npm is installed, an npm package
	@$(BIN)/python tools/generate_clients.py build
	@$(BIN)/uv build -q --wheel --no-build-isolation --python $(BIN)/python -o dist build/python
	@if ! command -v npm >/dev/null; then echo "npm is missing: only the Python client was built"; else \
	cd build/typescript && npm ci -s --ignore-scripts --no-audit --no-fund && npm run -s generate && npm run -s build && \
	npm pack -s --pack-destination ../../dist; fi

lock: $(VENV)/.uv ## refresh the lock files from pyproject.toml
	$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --upgrade --all-extras --group build pyproject.toml sandbox/pyproject.toml -o locks/run.txt
	$(BIN)/uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --upgrade --all-extras --group build --group dev pyproject.toml sandbox/pyproject.toml -c locks/run.txt -o locks/dev.txt

clean: ## remove the environment
	rm -rf $(VENV)

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Greenroom needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into $(VENV); the first time takes a minute" >&2
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module does not work here (on Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r locks/uv.txt
	@touch $@

$(VENV)/.run: $(VENV)/.uv locks/run.txt pyproject.toml sandbox/pyproject.toml
	@$(BIN)/uv pip install -q --require-hashes -r locks/run.txt
	@$(BIN)/uv pip install -q --no-deps --no-build-isolation --offline --editable . --editable ./sandbox
	@touch $@

$(VENV)/.dev: $(VENV)/.run locks/dev.txt
	@$(BIN)/uv pip install -q --require-hashes -r locks/dev.txt
	@touch $@
