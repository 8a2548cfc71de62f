# make quickstart  set up, then a first result on synthetic speech in ten minutes (examples/quickstart)
# make asterisk    set up, then the whole way on real speech (examples/asterisk)
# make results     set up, then every experiment of docs/results/study-*.md (benchmarks/study; days on two cores);
#                  ONLY=five, HOURS=8 for a part; make results-list: what is done, and the hours that the rest
#                  adds; make results-tables: tables and pictures from what is done
# make test        set up, lint, types, tests
# make test-slurm  set up, then a run on a real Slurm of this machine alone (root on Debian; scripts/slurm.sh)
# PYTHON=...       the interpreter of the virtual environment (3.11 or 3.12); VENV=... where it is
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.xlpl-installed
# the last words of `make test` are pytest's; PYTEST_ARGS narrows it: make test PYTEST_ARGS="-m 'not slow'"
PYTEST_ARGS ?=
# one process of tests a core; a file's tests stay together, since they share trained models;
# a process that a hung test ended (pyproject.toml) is not replaced: its file would be begun again
JOBS ?= $(shell nproc)

export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: venv lint test test-slurm quickstart asterisk results results-list results-tables clean
.DEFAULT_GOAL := venv

venv: $(STAMP)

# the stamp spares the installation when nothing that it depends on has changed
$(STAMP): setup.py pyproject.toml scripts/setup.sh scripts/build_kenlm.sh scripts/debian.sh
	scripts/setup.sh "$(VENV)"
	@touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --max-worker-restart 0 $(PYTEST_ARGS)

test-slurm: $(STAMP)
	scripts/slurm.sh start
	XLPL_SLURM=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/run/test_slurm.py; status=$$?; scripts/slurm.sh stop; exit $$status

quickstart: $(STAMP)
	bash examples/quickstart/run.sh

asterisk: $(STAMP)
	bash examples/asterisk/run.sh

results: $(STAMP)
	$(BIN)/python benchmarks/study $(if $(ONLY),--only "$(ONLY)") $(if $(HOURS),--hours $(HOURS))

results-list: $(STAMP)
	$(BIN)/python benchmarks/study --list

results-tables: $(STAMP)
	$(BIN)/python benchmarks/study --render

clean:
	rm -rf "$(VENV)" build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
