# Every target makes its own virtual environment; python3 (with venv and pip) and make are enough.
#
#   make demo      learn to read handwritten digits
#   make test      the test suite (parity with PyTorch is skipped unless `make parity` ran before)
#   make lint      ruff and mypy
#   make parity    the tests that hold Argand against the real PyTorch
#   make bench     the figures of the README; `make bench NAMES="matmul import"` for some of them

PYTHON ?= python3
VENV ?= .venv
NAMES ?=

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint parity bench clean

demo: $(VENV)/argand.stamp
	$(BIN)/argand demo

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest

lint: $(VENV)/dev.stamp
	$(BIN)/python -m ruff check .
	$(BIN)/python -m argand.stubs
	$(BIN)/python -m mypy

parity: $(VENV)/torch.stamp
	$(BIN)/python -m pytest tests/parity

bench: $(VENV)/torch.stamp
	$(BIN)/python -m benchmarks $(NAMES)

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# A stamp says that its packages are in the environment; a changed pyproject.toml asks again.
$(VENV)/created.stamp:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/argand.stamp: pyproject.toml $(VENV)/created.stamp
	$(INSTALL) --editable .
	touch $@

$(VENV)/dev.stamp: $(VENV)/argand.stamp
	$(INSTALL) --editable '.[all,dev]'
	touch $@

$(VENV)/torch.stamp: $(VENV)/dev.stamp
	$(INSTALL) torch==2.13.0
	touch $@
