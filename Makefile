# `make run` and `make test` need only Python 3.11+, git and make; everything else they install into .venv.
.PHONY: run test test-rules test-services test-full check format bench bench-peers bench-api chaos soak oracle oracle-drawn venv venv-dev clean

RUN_HOME ?= $(CURDIR)/.tradewind
BIN := .venv/bin

run: venv
	@TRADEWIND__HOME="$${TRADEWIND__HOME:-$(RUN_HOME)}" \
	 TRADEWIND__CORE__LOAD_EXAMPLES="$${TRADEWIND__CORE__LOAD_EXAMPLES:-true}" \
	 TRADEWIND__LOGGING__LEVEL="$${TRADEWIND__LOGGING__LEVEL:-WARNING}" \
	 TRADEWIND__LOGGING__FORMAT="$${TRADEWIND__LOGGING__FORMAT:-console}" \
	 exec $(BIN)/tradewind standalone

# Without ARGS in two processes, which share the machine's cores and take about as long: what computes, with the API's
# tests, and what waits for services.
RULES := tests/unit tests/property tests/simulation tests/integration/api tests/integration/retention

test: check
ifeq ($(strip $(ARGS)),)
	@$(MAKE) --no-print-directory --output-sync=target -j2 test-rules test-services
else
	$(BIN)/python -m pytest -q $(ARGS)
endif

test-rules: venv-dev
	$(BIN)/python -m pytest -q -m 'not full' $(RULES)

test-services: venv-dev
	$(BIN)/python -m pytest -q -m 'not full' $(addprefix --ignore ,$(RULES))

test-full: venv-dev
	TRADEWIND_TEST_SEEDS=$${TRADEWIND_TEST_SEEDS:-2000} $(BIN)/python -m pytest -q $(ARGS)

check: venv-dev
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports
	$(BIN)/basedpyright

format: venv-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: venv-dev
	$(BIN)/python -m benchmarks $(ARGS)

bench-peers: venv-dev
	$(BIN)/python -m benchmarks peers $(ARGS)

# The ten calls that clients make most, over a million task instances; beside Airflow where it is installed.
bench-api: venv-dev
	$(BIN)/python -m benchmarks api $(ARGS)

# A running system broken a hundred times, then judged: some ten minutes. ARGS="--seed 7 --faults 12 --broker redis".
chaos: venv-dev
	$(BIN)/python -m tests.chaos $(ARGS)

# Half an hour of load: whether memory, descriptors and connections stay flat. ARGS="--minutes 5".
soak: venv-dev
	$(BIN)/python -m tests.chaos.soak $(ARGS)

# Without ARGS also the DAGs drawn at random (`make oracle-drawn`).
oracle: venv-dev
	$(BIN)/python -m tests.oracle $(ARGS)
ifeq ($(strip $(ARGS)),)
	$(BIN)/python -m tests.oracle.drawn_facts
endif

oracle-drawn: venv-dev
	$(BIN)/python -m tests.oracle.drawn_facts

venv:
	@scripts/venv.sh

venv-dev:
	@scripts/venv.sh dev

clean:
	rm -rf .venv .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache benchmarks/results
