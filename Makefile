# Every target sets up what it needs: a virtual environment of its own in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test clients judges check bench docs clean

install: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

demo: install
	$(BIN)/iccd demo $(if $(ONCE),--once)

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile

# FHIR clients of other projects, for the tests that run them; needs npm.
clients: install
	PYTHON=$(CURDIR)/$(BIN)/python tests/doors/fhir/clients/install.sh

# Judges of other projects of our FHIR resources, for the tests that ask them; needs npm.
judges: install
	PYTHON=$(CURDIR)/$(BIN)/python tests/doors/fhir/profiles/install.sh

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m terminology.build --check

bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks

docs: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(BIN)/zensical build --clean --strict

clean:
	rm -rf $(VENV) .clients .judges site demo-data .pytest_cache .mypy_cache .ruff_cache .hypothesis
