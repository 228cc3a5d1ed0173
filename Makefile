# `make demo` and `make test` do everything on a fresh machine: environment, install, run.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint benchmark clean

SYNTHESIZE := $(BIN)/python reproductions/multiscale/synthesize.py --preset quick --output-dir results/demo

demo: $(VENV)/.installed
	$(SYNTHESIZE) --source datasets/textures/pebbles.png --output-prefix pebbles
	$(SYNTHESIZE) --source datasets/textures/tomatoes.png --output-prefix tomatoes
	@echo "Look at sheet.png (source, start, result) and tiled.png in the folders of results/demo"

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# PyTorch is only what the benchmarks compare with.
benchmark: $(VENV)/.installed-benchmark
	$(BIN)/python benchmarks/multiscale.py

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or later is needed')"
	$(PYTHON) -m venv $(VENV)
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
