# make demo    install what is missing, then score the demo feed, write out/report and out/case-report
# make test    install what is missing, then run the tests
# make quick   the same without the slow and the browser tests
# make lock    write requirements.lock: every package that the program needs, with its version and hashes
# make sbom    write sbom.json: the packages that are installed in .venv, for a bill of materials (CycloneDX)
# make audit   print the known faults of the packages in requirements.lock (needs the network)
# make clean   remove .venv and out
#
# PYTHON       the interpreter to build .venv with; 3.11 or newer   (default: python3)
# TORCH_INDEX  a package index to take torch from, for a build without CUDA   (default: pip's own)

PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TOOL = $(PYTHON) -m venv $(VENV)/tools && $(VENV)/tools/bin/python -m pip --disable-pip-version-check install --quiet
# One more process than cores, four at most: tests of killed runs and of pages wait a quarter of their time.
TESTERS = $(shell $(BIN)/python -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
# The tests of `quick` hardly wait, and a further process would import everything once more.
CORES = $(shell $(BIN)/python -c 'import os; print(min(4, os.cpu_count() or 1))')
# Without bytecode, which images of Python often switch off, each process compiles the program and the tests anew.
PYTEST = OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --dist loadfile --numprocesses
TORCH := $(shell grep '^torch==' constraints.txt)

.PHONY: help demo test quick lock sbom audit clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n '1,10p'

demo: $(VENV)/.installed
	@echo "==> demo: score the demo feed with the embedded model, write the reports"
	@$(BIN)/risk-monitor demo --out out

test: $(VENV)/.installed-dev
	@echo "==> test: pytest in $(TESTERS) processes"
	@$(PYTEST) $(TESTERS)

quick: $(VENV)/.installed-dev
	@echo "==> quick: pytest in $(CORES) processes, without the slow and the browser tests"
	@$(PYTEST) $(CORES) -m "not slow and not browser"

# These tools have an environment of their own, so that they change no package of the program's.
lock: $(VENV)/.made
	@echo "==> lock: requirements.lock from pyproject.toml and constraints.txt"
	@$(TOOL) "uv==0.13.9"
	@$(VENV)/tools/bin/uv pip compile --quiet --no-config --no-header --no-annotate --universal --python-version 3.11 \
		--generate-hashes --extra notify --extra excel --constraints constraints.txt --output-file requirements.lock pyproject.toml

sbom: $(VENV)/.installed
	@echo "==> sbom: sbom.json, CycloneDX"
	@$(TOOL) "cyclonedx-bom==7.5.0"
	@$(VENV)/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-format JSON --output-file sbom.json $(BIN)/python

audit: $(VENV)/.made
	@echo "==> audit: known faults of the packages in requirements.lock; a report, which fails no build"
	@$(TOOL) "pip-audit==2.10.1"
	-@$(VENV)/tools/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip

# A stamp is as new as the pins it was installed from, so a second `make` installs nothing.
$(VENV)/.installed: constraints.txt pyproject.toml | $(VENV)/.made
	@echo "==> install: $(TORCH)$(if $(TORCH_INDEX), from $(TORCH_INDEX))"
	@$(PIP) install --quiet --constraint constraints.txt $(if $(TORCH_INDEX),--no-deps --index-url $(TORCH_INDEX)) "$(TORCH)"
	@echo "==> install: risk-monitor and its packages, as pinned in constraints.txt"
	@$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "==> install: what the tests and checks need"
	@$(PIP) install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: $(PYTHON) is missing or older than 3.11; install Python 3.11 or newer, or name one: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.12"; exit 2; }
	@echo "==> install: a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) out
