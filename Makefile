# `make demo` and `make test` need python3 (3.10 or newer), git and make; the rest is made here.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO := saved_models/demo

.PHONY: demo test fast test-long pretrained lint types bench docs clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	$(BIN)/cyclegan-tf translate docs/sketch.png saved_models/cartoon.png --overwrite
	@echo "The pair that comes with the package made saved_models/cartoon.png of docs/sketch.png."
	@echo "Now one of your own is trained:"
	$(BIN)/cyclegan-tf prepare data/sketch2cartoon.npz --generated 1000 100 --paired --overwrite
	$(BIN)/cyclegan-tf train data/sketch2cartoon.npz $(DEMO) --minutes 4
	$(BIN)/cyclegan-tf translate $(DEMO) docs/sketch.png $(DEMO)/sketch_as_cartoon.png --overwrite
	@echo
	@echo "Images after each epoch     $(DEMO)/epochs/"
	@echo "Report (open in a browser)  $(DEMO)/report.html"
	@echo "How good is it?             $(BIN)/cyclegan-tf evaluate $(DEMO) data/sketch2cartoon.npz"
	@echo "Translated image            $(DEMO)/sketch_as_cartoon.png (--seed 1: in other colours)"

PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
NBVAL := --nbval-lax --nbval-sanitize-with notebooks/sanitize.cfg --nbval-cell-timeout 600

# Everything but what is marked long, with the notebooks in short mode: theirs come first, since one
# of them takes longest.
test: $(VENV)/installed-test
	CYCLEGAN_TF_SHORT=1 $(PYTEST) $(NBVAL) notebooks tests

fast: $(VENV)/installed-test
	$(PYTEST) -m "not slow and not long"

# Many kills, memory of real processes, the published weights: minutes each.
test-long: $(VENV)/installed-test
	$(PYTEST) -m long

# The pair that comes with the package: about an hour on two cores.
pretrained: $(VENV)/installed
	$(BIN)/cyclegan-tf prepare data/pretrained.npz --generated 2000 100 --size 128 --seed 1 --overwrite
	$(BIN)/cyclegan-tf train data/pretrained.npz saved_models/pretrained --seed 1 \
	    --epochs 14 --steps 1000 --filters 16 --blocks 6 --upsampling resize --learning-rate 5e-4
	cp saved_models/pretrained/gen_ab.keras saved_models/pretrained/gen_ba.keras cyclegan_tf/pretrained/
	cp saved_models/pretrained/examples/*.png cyclegan_tf/pretrained/examples/

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The public API, as mypy sees it.
types: $(VENV)/installed-test
	$(BIN)/mypy

bench: $(VENV)/installed-bench
	$(BIN)/python benchmarks/speed.py --write

# The site, into site/: guides, notebooks, and the reference that docs/generate.py makes.
docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[test]'
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[bench]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --disable-pip-version-check -e '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build site *.egg-info .pytest_cache .ruff_cache
