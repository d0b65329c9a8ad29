# `make demo` and `make test` need Python 3.11 or newer and make; every target sets up what it needs in $(VENV).

PYTHON ?= python3
VENV ?= .venv
# Each has a server of its own. Much of the time is waiting, so four keep two cores busy.
WORKERS ?= 4
# Anything here installs the exact versions of requirements/dev.lock, as CI does; empty takes the newest ones allowed.
LOCKED ?=
# The pages with commands and their output.
PAGES ?= $(shell grep -lE '^```console' *.md docs/*.md)
# The PgBouncer of `make test-pooled`: 1.18 is that of Debian 12; 1.24 is fetched into .pgbouncer, without a change of the
# system. KEPT is how many prepared statements it keeps for each client.
POOLER ?= 1.18
KEPT ?= 0
# What `make faults` does, and where it keeps what it found.
ROUNDS ?= 100
SEED ?= 15
REPORT ?= .faults/report.jsonl
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-
# Tests that touch every dependency; see `make lowest`.
SMOKE := tests/unit tests/cli/test_help.py tests/cli/test_query.py tests/cli/test_migrate.py tests/cli/test_terminal.py \
	tests/db/test_guests.py tests/db/test_context_cache.py tests/db/test_queries.py tests/db/test_prometheus.py \
	tests/db/test_tracing.py tests/db/test_legacy_import.py tests/charts/test_render.py tests/pages/test_browser.py

.PHONY: help demo test failover faults deliveries examples bench bench-peers growth soak check lint types imports sync sync-check docs docs-check pages once messages picture stubs stubs-check vet format
.PHONY: lock audit lowest dist clean

help: ## show this list
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP)run ## show what guestsql does, on an embedded PostgreSQL
	@$(BIN)/guestsql demo

# Compiled files are kept, whatever the environment says: hundreds of tests start Python.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(STAMP)test ## run the test suite on a real PostgreSQL; PYTEST_ARGS="-k name" selects tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not once" $(PYTEST_ARGS)

.PHONY: test-pooled
test-pooled: $(STAMP)test ## run the suite through PgBouncer in transaction mode; POOLER=1.24 KEPT=200: that version, which keeps prepared statements
	$(if $(filter 1.18,$(POOLER)),,test -x .pgbouncer/pgbouncer || tools/fetch_pgbouncer.sh)
	TEST_POOLER=$(POOLER) TEST_POOLER_KEPT=$(KEPT) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not once" $(PYTEST_ARGS)

# Of all targets together.
CASES ?= 1000000
.PHONY: fuzz
fuzz: $(STAMP)test ## run the long form of the tests that generate examples; CASES=1000000, FUZZ_ARGS="--target ids"
	$(BIN)/python -m tests.fuzz --cases $(CASES) $(FUZZ_ARGS)

faults: $(STAMP)test ## run fault rounds against what was acknowledged; ROUNDS=1000 SEED=15 REPORT=FILE, which an interrupted run continues; ROUNDS=0 only writes its figures
	$(if $(filter 0,$(ROUNDS)),,FAULT_ROUNDS=40 $(BIN)/python -m pytest tests/faults/test_link_processes.py tests/faults/test_campaigns_processes.py $(PYTEST_ARGS))
	$(BIN)/python -m tests.acknowledged --rounds $(ROUNDS) --seed $(SEED) --report $(REPORT) --figures

deliveries: $(STAMP)test ## run the long form of the stress test of messages: 100,000 deliveries, a bot killed every two seconds
	MESSAGES=20000 $(BIN)/python -m pytest tests/faults/test_deliveries.py -s -n0 $(PYTEST_ARGS)

examples: $(STAMP)test ## run the tests that generate their examples with new ones; PYTEST_ARGS="--hypothesis-seed=N" repeats them
	$(BIN)/python -m pytest tests -m hypothesis --hypothesis-profile=new $(PYTEST_ARGS)

bench: $(STAMP)dev ## compare with raw psycopg and COPY
	$(BIN)/python -m pytest tests/benchmarks -o python_files="bench_*.py" -o python_functions="bench_*" --benchmark-disable-gc $(PYTEST_ARGS)

bench-peers: $(STAMP)peers ## compare with drivers, caches and stores, in ten minutes; SECONDS=60 only prints; STRICT=1 exits with 1 on a missed target
	$(VENV)-peers/bin/python -m tests.benchmarks.peers

growth: $(STAMP)dev ## measure hotels of 10,000 to 1,000,000 guests; GUESTS=10000000 adds the largest
	$(BIN)/python -m tests.benchmarks.growth

soak: $(STAMP)dev ## replay a day of messages 1,000 times as fast for 20 minutes: everything must stay flat; MINUTES=2
	$(BIN)/python -m tests.benchmarks.soak

failover: $(STAMP)test ## kill the primary 40 times under bots that write, and read 100,000 contexts on a standby; ROUNDS=2 READS=2000
	$(BIN)/python -m tests.failover

check: lint types imports sync-check docs-check stubs-check vet once ## run every check but the tests

lint: $(STAMP)dev ## lint Python, SQL and migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint --disable-progress-bar queries migrations
	$(BIN)/squawk migrations/*.sql

types: $(STAMP)dev ## run mypy and pyright
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

imports: $(STAMP)dev ## check which package may import which
	$(BIN)/lint-imports

sync: $(STAMP)dev ## generate the sync modules from the async ones
	$(BIN)/python tools/generate_sync.py

sync-check: $(STAMP)dev ## check that the sync modules are up to date
	$(BIN)/python tools/generate_sync.py --check

docs: $(STAMP)run ## generate docs/python.md, docs/shell.md and docs/settings.md
	$(BIN)/python tools/generate_python_page.py
	$(BIN)/python tools/generate_reference.py

docs-check: $(STAMP)run ## check that the generated pages are up to date
	$(BIN)/python tools/generate_python_page.py --check
	$(BIN)/python tools/generate_reference.py --check

pages: $(STAMP)dev ## run the commands of the pages and write what they print; PAGES=docs/tutorial.md selects
	$(BIN)/python tools/run_pages.py --write $(PAGES)

messages: $(STAMP)dev ## bring the Spanish messages of the pages up to date; print those without a translation
	$(BIN)/python tools/update_messages.py

once: export PYTHONDONTWRITEBYTECODE :=
once: $(STAMP)test ## run the tests that say the same on every server: the commands of the pages, the demo, type checkers
	$(BIN)/python -m pytest -n 2 --dist worksteal -m once $(PYTEST_ARGS)

picture: $(STAMP)dev ## draw the pictures of the README from real commands: docs/terminal.svg, docs/page.png, docs/report.svg
	$(BIN)/python tools/terminal_picture.py
	$(BIN)/python tools/page_pictures.py

stubs: $(STAMP)run ## generate the types of the queries
	$(BIN)/guestsql stubs

stubs-check: $(STAMP)run ## check that the types of the queries are up to date
	$(BIN)/guestsql stubs --check

vet: $(STAMP)run ## check queries/*.sql on a real server, by the rules of docs/check.md
	$(BIN)/guestsql check

format: $(STAMP)dev ## format Python and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(STAMP)dev ## write requirements/*: run it after changing dependencies in pyproject.toml
	$(BIN)/python tools/write_locks.py $(LOCK_ARGS)

audit: $(BIN)/python ## look up the pinned versions in the public advisories; needs the network
	$(BIN)/python -m pip install --quiet "pip-audit>=2.9"
	for lock in dev image; do \
		$(BIN)/python -m pip_audit --strict --disable-pip --require-hashes --requirement requirements/$$lock.lock || exit 1; \
	done

lowest: $(STAMP)lowest ## run a part of the tests on the lowest versions that pyproject.toml allows
	$(VENV)-lowest/bin/python -m pytest $(SMOKE) $(PYTEST_ARGS)

.PHONY: migration-locks partitions
migration-locks: $(STAMP)dev ## measure how long each migration keeps writers out, with 1,000,000 guests; GUESTS=
	$(BIN)/python -m tests.upgrade.locks

partitions: $(STAMP)dev ## compare hotels in one table with a hash partition for each; HOTELS=100 GUESTS=10000
	$(BIN)/python -m tests.benchmarks.partitions

dist: $(STAMP)test ## build wheel and sdist, install each into a clean environment, and try it there
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	PYTHON=$(abspath $(BIN))/python tools/try_dist.sh dist

clean: ## remove environments and everything that was built
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-peers dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# A stamp per set of packages, so that the demo need not wait for the linters.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "guestsql needs Python 3.11 or newer: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "no virtual environment: install your system's python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

ifeq ($(LOCKED),)
INSTALL = $(BIN)/python -m pip install --quiet --editable ".[embedded,pages]"
else
INSTALL = $(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.lock \
	&& $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endif

$(STAMP)run: pyproject.toml requirements/dev.lock | $(BIN)/python
	$(INSTALL)
	@touch $@

$(STAMP)test: pyproject.toml requirements/dev.lock | $(BIN)/python
	$(INSTALL) $(if $(LOCKED),,--group test)
	@touch $@ $(STAMP)run

$(STAMP)dev: pyproject.toml requirements/dev.lock | $(BIN)/python
	$(INSTALL) $(if $(LOCKED),,--group dev)
	@touch $@ $(STAMP)run $(STAMP)test

# Always the versions of the lock: the figures name them.
$(STAMP)peers: pyproject.toml requirements/peers.lock | $(BIN)/python
	$(BIN)/python -m venv $(VENV)-peers
	$(VENV)-peers/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-peers/bin/python -m pip install --quiet --require-hashes --requirement requirements/peers.lock
	$(VENV)-peers/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMP)lowest: pyproject.toml requirements/lowest.txt | $(BIN)/python
	$(BIN)/python -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-lowest/bin/python -m pip install --quiet --constraint requirements/lowest.txt \
		--editable ".[campaigns,embedded,otel,pages,phones,prometheus]" --group test
	@touch $@
