# Every target sets itself up: a fresh Debian 12 with Python 3.11 needs nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CASES := $(dir $(wildcard cases/*/case.toml))
# Two workers suit two cores; `make test WORKERS=4` where there are more.
WORKERS ?= 2

# Numba's threads sleep instead of spinning while they wait for one another.
export OMP_WAIT_POLICY ?= passive
# So do not those of the linear algebra library, which small problems gain nothing from.
export OPENBLAS_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help demo test check cases bench docs clean

help:
	@echo "make demo    a wave along a cable, by equations and by a network: velocities, times"
	@echo "make test    the tests that fit in minutes"
	@echo "make check   style, format, direction of the imports (seconds)"
	@echo "make cases   every case against its expected numbers, and the slow tests"
	@echo "make bench   node-steps per second on this machine"
	@echo "make docs    the documentation as pages, in site/"
	@echo "make clean   remove what make made (not results/)"

# ensurepip is what Debian leaves out of python3; its package is python3-venv.
$(VENV)/.made:
	@if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	    echo "cardiosim needs Python 3.11 or newer; try make PYTHON=python3.12 ..." >&2; \
	    exit 1; \
	fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -q && apt-get install -q -y python3-venv; \
	    else \
	        echo "python3 -m venv does not work here; run: sudo apt install python3-venv" >&2; \
	        exit 1; \
	    fi; \
	fi
	$(PYTHON) -m venv $(VENV)
	@touch $@

# setuptools is installed by hand so that its version is the pinned one too.
$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt setuptools
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e '.[test]'
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e '.[docs]'
	@touch $@

demo: $(VENV)/.installed
	@echo "1/2: equations, Rush-Larsen steps of 10 us"
	$(BIN)/cardiosim run cases/cable_conduction --set cell.scheme=rush_larsen \
	    --set time.dt=0.01 --out results/demo_equations --force
	@echo
	@echo "2/2: hybrid, a network in the upstroke, steps of 100 us"
	$(BIN)/cardiosim run cases/cable_hybrid --out results/demo_hybrid --force
	@echo
	$(BIN)/cardiosim compare results/demo_equations results/demo_hybrid \
	    --names "equations 10 us,hybrid 100 us"
	@echo "          results/demo_hybrid/space_time.png"
	@echo "ParaView: open results/demo_hybrid/fields.xdmf (Xdmf3 Reader T), press play"

test: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist loadfile

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -q tests/test_import_direction.py

cases: $(VENV)/.installed
	$(BIN)/cardiosim verify $(CASES)
	$(BIN)/python -m pytest -m slow --deselect \
	    tests/cases/test_cases.py::test_case_gives_the_expected_numbers

bench: $(VENV)/.installed
	$(BIN)/cardiosim bench

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict --site-dir site

clean:
	rm -rf $(VENV) site build cardiosim.egg-info .pytest_cache .ruff_cache
	find cardiosim tests -name __pycache__ -type d -prune -exec rm -rf {} +
