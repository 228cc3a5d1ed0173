# `make demo` and `make test` do everything on a fresh machine: environment, install, run.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint benchmark clean

demo: $(VENV)/.installed
	$(BIN)/python demo.py

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# PyTorch is only what the benchmarks compare with.
benchmark: $(VENV)/.installed-benchmark
	$(BIN)/python benchmarks/multiscale.py

$(BIN)/python:
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 10), 'Python 3.10 or later is needed'"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(VENV)/.installed-benchmark: $(VENV)/.installed requirements-benchmark.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-benchmark.txt
	touch $@

clean:
	rm -rf $(VENV) outputs results .pytest_cache .ruff_cache .hypothesis
