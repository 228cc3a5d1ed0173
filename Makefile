# `make demo` and `make test` do everything on a fresh machine: environment, install, run.
PYTHON ?= python3

# What Keras computes with: tensorflow, jax or torch; each has an environment of its own.
BACKEND ?= $(or $(KERAS_BACKEND),tensorflow)
ifeq ($(filter $(BACKEND),tensorflow jax torch),)
$(error BACKEND must be tensorflow, jax or torch, not $(BACKEND))
endif
SUFFIX := $(if $(filter-out tensorflow,$(BACKEND)),-$(BACKEND))
export KERAS_BACKEND := $(BACKEND)
VENV ?= .venv$(SUFFIX)
BIN := $(VENV)/bin

.PHONY: demo environment test reference lint benchmark pretrained clean

# All five papers in their quick form, then results/index.html; the same command goes on with it.
demo: $(VENV)/.installed
	$(BIN)/python -m reproductions demo

# Only what the tests need is installed.
environment: $(VENV)/.installed-dev

# Two processes: most tests keep one core busy. A file's tests stay together and share their runs.
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

# What was compared with the originals' numbers, and holds for any backend: some minutes.
WITHOUT ?= slow
reference: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "reference and not ($(WITHOUT))"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The networks that are kept in pretrained/, from nothing: the digits' in five minutes or so, that
# for textures, which is taught by SqueezeNet (0.7 MB, fetched), in half an hour.
PPGN := $(BIN)/python reproductions/ppgn
MADE := results/pretrained

pretrained: $(VENV)/.installed
	rm -rf $(MADE)
	$(PPGN)/train_classifier.py --preset quick --results_dir $(MADE)
	$(PPGN)/train_generator.py --preset quick --results_dir $(MADE) \
		--encoder_definition $(MADE)/digits-classifier/classifier.keras
	cp $(MADE)/digits-classifier/classifier.keras pretrained/ppgn_digits_encoder.keras
	cp $(MADE)/digits-generator/generator.keras pretrained/ppgn_digits_generator.keras
	$(BIN)/python -m common.descriptors.drawn_training

# Here PyTorch is what the benchmarks compare with; other backends are measured where they are.
benchmark: $(VENV)/.installed-benchmark
	$(BIN)/python benchmarks/multiscale.py
	$(BIN)/python benchmarks/iccv_introspective.py
	$(BIN)/python benchmarks/iccv_introspective.py --memory
	$(BIN)/python benchmarks/ppgn.py
	$(BIN)/python benchmarks/ppgn_training.py
	$(BIN)/python benchmarks/texture_nets.py --both_paddings
	$(BIN)/python benchmarks/keras_gan.py
	$(BIN)/python benchmarks/backends.py

$(VENV)/.installed: requirements$(SUFFIX).txt requirements-common.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or later is needed')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(VENV)/.installed-benchmark: $(VENV)/.installed requirements-benchmark.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-benchmark.txt
	touch $@

clean:
	rm -rf .venv .venv-jax .venv-torch outputs output results data/out .pytest_cache .ruff_cache .hypothesis
