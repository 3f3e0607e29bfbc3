# make demo and make test need Python 3.11 or newer (with its venv module) and nothing else.
# GNU make 3.81, which macOS has, is enough.

VENV := .venv
PY := $(VENV)/bin/python
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
WORKERS ?= 2
PEERS := torch==2.13.0
MODELS := $(wildcard examples/*/model.py)

.PHONY: help demo test examples bench peers clean

help:
	@echo "make demo      train a network on handwritten digits with a generated gradient module"
	@echo "make test      ruff, mypy and pytest (WITH_PEERS=1: with torch and numba-cuda)"
	@echo "make examples  compile every example into generated/, write its formulas into its README"
	@echo "make bench     time symgrad beside jax, torch and C++, write docs/benchmarks.md"
	@echo "make clean     remove $(VENV) and all caches"

demo: $(VENV)/.examples
	$(PY) -m symgrad compile examples/mlp/model.py
	$(PY) -m examples.mlp.run

test: $(VENV)/.test $(if $(CI)$(WITH_PEERS),peers toolchain)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m pytest -n $(WORKERS) --dist worksteal

examples: $(VENV)/.examples
	@set -e; for model in $(MODELS); do $(PY) -m symgrad compile $$model; done
	$(PY) -m examples.readmes

# Half an hour; BENCH="--only gmm --threads 1" measures a part and keeps the rest.
bench: $(VENV)/.bench
	$(PY) -m bench $(BENCH)
	$(PY) -m bench.plots

# The comparisons with torch are skipped without it, so a failure to install it is no failure.
peers: $(VENV)/.test
	@test -e $(VENV)/.peers || \
	{ $(PY) -m pip install --disable-pip-version-check $(PEERS) && touch $(VENV)/.peers; } || \
	echo "$(PEERS) cannot be installed here; the comparisons with torch are skipped"

# CUDA kernels are compiled, though not run, without a GPU; those tests are skipped without this.
toolchain: $(VENV)/.test
	@test -e $(VENV)/.cuda || \
	{ $(PY) -m pip install --disable-pip-version-check --quiet -e '.[cuda]' && touch $(VENV)/.cuda; } || \
	echo "numba-cuda cannot be installed here; CUDA kernels run in the simulator only"

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment without pip (Debian without python3-venv) must not look like a finished one.
$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# An empty file remembers what was installed, until pyproject.toml changes.
$(VENV)/.examples: pyproject.toml | $(PY)
	$(PY) -m pip install --disable-pip-version-check --quiet -e '.[examples]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(PY)
	$(PY) -m pip install --disable-pip-version-check --quiet -e '.[test,examples]'
	@touch $@

$(VENV)/.bench: pyproject.toml | $(PY)
	$(PY) -m pip install --disable-pip-version-check --quiet -e '.[bench,test]'
	@touch $@
