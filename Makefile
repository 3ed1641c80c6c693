# Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test slow fuzz lint docs coverage ofx release clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[demo,test,torch]'
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/python -m mobilefaceswap.demo demo

test: $(VENV)/.test
	$(BIN)/ruff check plugin tests models ofx_bridge docs
	$(BIN)/ruff format --check plugin tests models ofx_bridge docs
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin
	$(BIN)/python -m pytest -m "not slow" --numprocesses 2 --dist loadgroup

slow: $(VENV)/.test
	$(BIN)/python -m pytest

fuzz: $(VENV)/.test
	$(BIN)/python tests/fuzz_media.py --cases 20000

lint: $(VENV)/.test
	$(BIN)/ruff format plugin tests models ofx_bridge docs
	$(BIN)/ruff check --fix plugin tests models ofx_bridge docs
	$(BIN)/mypy

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

# Not --quiet: it hides from --strict the warnings that are to fail the build.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "build/site/index.html"

coverage: $(VENV)/.test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not slow"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

ofx: $(VENV)/.demo
	$(BIN)/mobilefaceswap ofx build

release: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[release]'
	$(BIN)/mobilefaceswap ofx build --release
	$(BIN)/python -m build
	$(BIN)/python ofx_bridge/wheels.py ofx_bridge/build/MobileFaceSwap.ofx.bundle

clean:
	rm -rf $(VENV) build dist demo ofx_bridge/build
