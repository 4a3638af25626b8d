# Everything here runs on a fresh Linux machine with make and Python >= 3.11. `make` without a target lists the targets.
# VENV=path, or an activated virtual environment, replaces .venv.

VENV ?= $(or $(VIRTUAL_ENV),.venv)
TRAIN ?= --dataset digits
BENCH ?=
WORKERS ?= 2
TORCH := 2.13.0
KERAS := 3.15.1
EXTRAS := torch,wandb,tensorboard,onnx,keras,sweep,postgresql,ray,serve,notebook,docs,release,dev

BIN := $(VENV)/bin
PYTHON := $(BIN)/python
STATE := $(VENV)/.handgrad
# pip installs the build backend separately; PIP_BUILD_CONSTRAINT applies the pinned versions to it, too.
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(PYTHON) -m pip
# Each worker begins with half of the tests in their order, so that few share a file's fixtures; who is done takes from
# the other.
PYTEST := $(PYTHON) -m pytest -n $(WORKERS) --dist worksteal

# Images of containers set it: each worker and each process that a test starts would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR: # if creating the virtual environment fails, the next call creates it again
.PHONY: help train install torch sweep wandb tensorboard onnx keras postgresql ray report serve test test-slow test-keras boundscheck vectors oldest lint types coverage check bench docs pictures format constraints packages sizes release clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

train: $(STATE)-runtime ## install, then train a first classifier (TRAIN="--dataset mnist" for another)
	@$(BIN)/handgrad train $(TRAIN)
	@echo 'Next: $(BIN)/handgrad --help shows every command; make train TRAIN="--dataset mnist" trains on MNIST.'

install: $(STATE)-dev ## install handgrad and the tools for its tests

torch: $(STATE)-torch ## install PyTorch, for lockstep, --backend torch and export (TORCH_INDEX= for the CUDA build)

sweep: $(STATE)-sweep ## install Optuna, for Bayesian sweeps (bayes, gp), and Plotly, for interactive figures

wandb tensorboard onnx keras postgresql ray report serve parquet completion notebook: %: $(STATE)-% # error messages and docs name these targets

test: $(STATE)-dev ## run the quick tests
	@$(PYTEST) -m "not slow"
	@echo "Not run: the slow tests (make test-slow). make check runs all checks."

test-slow: $(STATE)-dev ## run the slow tests
	@$(PYTEST) -m slow || test $$? -eq 5 # 5: no test was collected

# A separate environment, because Keras is large and only these tests need it.
test-keras: ## run the tests that compare with Keras, in .venv-keras
	@$(MAKE) --no-print-directory VENV=.venv-keras install
	@.venv-keras/bin/python -m pip install --quiet --disable-pip-version-check torch==$(TORCH) keras==$(KERAS) h5py
	@.venv-keras/bin/python -m pytest tests/optim/test_differences.py tests/nn/test_keras_layers.py tests/exports/test_keras_files.py tests/sweeps/test_callbacks_of_frameworks.py

# Of the tests of kernels and layers, those whose kernels are their own, or none: another way to compile changes nothing.
OTHERS := $(wildcard $(addprefix tests/,$(addprefix kernels/test_,cache.py compile.py memory.py processor.py) nn/test_extension.py))
OTHERS := $(addprefix --ignore=,$(OTHERS))

# Without this option Numba does not check array bounds.
boundscheck: $(STATE)-dev ## run the tests of kernels and layers with array bounds checked
	@set -- $(wildcard tests/kernels tests/nn); test $$# -eq 0 || \
	  NUMBA_BOUNDSCHECK=1 $(PYTEST) -m "not slow" $(OTHERS) "$$@"

# Most laptops have no AVX-512; on such a machine this repeats the normal tests, which is quick.
vectors: $(STATE)-dev ## run the tests of kernels compiled for vectors of 256 bits
	@HANDGRAD_VECTOR_WIDTH=256 $(PYTEST) -m "not slow" $(OTHERS) tests/kernels

# The lower bounds of pyproject.toml, as exact versions; some of them have no wheels for a newer Python.
oldest: ## run the quick tests with the oldest versions that pyproject.toml allows, in .venv-oldest
	@command -v python3.11 >/dev/null || { echo "make oldest needs python3.11, the oldest Python that handgrad supports."; exit 1; }
	@test -x .venv-oldest/bin/python || python3.11 -m venv .venv-oldest
	@.venv-oldest/bin/python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  needs = sum(map(project["optional-dependencies"].get, ("report", "serve", "sweep")), project["dependencies"]); \
	  print(*(need.replace(">=", "==") for need in needs if ">=" in need), sep="\n")' > .venv-oldest/oldest.txt
	@.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-oldest/oldest.txt -e ".[dev,serve,sweep]"
	@.venv-oldest/bin/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" -W default # of old libraries

lint: $(STATE)-dev ## check the style and the format of the code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(STATE)-dev ## check the types
	@$(BIN)/mypy

coverage: $(STATE)-dev ## run all tests, quick and slow, and list the lines that no test reaches (twice the time)
	@$(PYTEST) --cov

check: lint types test test-slow boundscheck vectors docs ## run all checks of this system and Python

bench: $(STATE)-runtime ## compare the speed with installed frameworks (BENCH="--workload A" for less, BENCH=--help for all)
	@$(PYTHON) -m benchmarks $(BENCH)

docs: $(STATE)-docs ## build the documentation as a site, build/site; a broken link is an error
	@$(PYTHON) docs/build_site.py
	@echo "Open build/site/index.html"

pictures: $(STATE)-dev ## make the README's picture again, with Chromium
	@$(PYTHON) docs/build_picture.py

format: $(STATE)-dev ## format the code, and fix what can be fixed automatically
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# Versions that work with the oldest supported Python also work with newer ones. Nothing is installed.
constraints: ## update constraints.txt to the newest versions of all dependencies
	@command -v python3.11 >/dev/null || { echo "make constraints needs python3.11, the oldest Python that handgrad supports."; exit 1; }
	@python3.11 -m venv --clear build/constraints
	@build/constraints/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@build/constraints/bin/python -m pip install --quiet --dry-run --ignore-installed --report build/constraints/report.json \
	  ".[$(EXTRAS)]" torch==$(TORCH)
	@sed '/^[^#]/d' constraints.txt > build/constraints/new.txt
	@build/constraints/bin/python -c 'import json; \
	  pins = [i["metadata"] for i in json.load(open("build/constraints/report.json"))["install"]]; \
	  lines = sorted(p["name"].lower() + "==" + p["version"].split("+")[0] for p in pins if p["name"] != "handgrad"); \
	  print("\n".join(lines))' >> build/constraints/new.txt
	@mv build/constraints/new.txt constraints.txt

packages: $(STATE)-release ## build the wheel and the source archive in dist/, and check them
	@rm -rf dist build/lib && mkdir -p build
	@$(PYTHON) -m build --outdir dist . > build/packages.log 2>&1 || { tail -20 build/packages.log; exit 1; }
	@$(PYTHON) -m twine check --strict dist/*
	@$(PYTHON) -m check_wheel_contents dist/*.whl

# Without pip, which a package is installed by, and bytecode, which Python writes when it first imports a module.
sizes: ## measure what the packages take on the disk, without and with Matplotlib
	@for extra in "" "[report]"; do \
	  python3 -m venv --clear --without-pip build/sizes && \
	  PIP_CONSTRAINT=constraints.txt python3 -m pip --python build/sizes/bin/python install --quiet --no-compile ".$$extra" && \
	  echo "handgrad$$extra: $$(du -sm build/sizes | cut -f1) MB" || exit 1; \
	done

# Nothing is published or tagged: the last lines say how the maintainer does that.
release: ## check that this commit can be released, and build the packages; stops at the first doubt
	@version=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/handgrad/__init__.py); \
	test -z "$$(git status --porcelain)" || { echo "There are changes that are not committed: commit or stash them."; exit 1; }; \
	grep -m1 "^## " CHANGELOG.md | grep -q "^## $$version - 20" || { echo "The first heading of CHANGELOG.md is not '## $$version - DATE': make it that."; exit 1; }; \
	grep -q "^version: $$version$$" CITATION.cff || { echo "CITATION.cff has another version than $$version."; exit 1; }; \
	test -f "tests/runs/golden/$$version/run.json" || { echo "tests/runs/golden/$$version is missing: python tests/runs/golden/make.py writes it."; exit 1; }; \
	! git rev-parse -q --verify "refs/tags/v$$version" >/dev/null || { echo "There is a tag v$$version already: raise __version__."; exit 1; }; \
	$(MAKE) --no-print-directory check packages && \
	echo "All is well. Next: git tag -a v$$version -m 'handgrad $$version' && git push --tags && $(BIN)/twine upload dist/*"

clean: ## delete build and test files; .venv and runs are kept
	@rm -rf build dist .cache .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Not compiled: Python compiles a module when it is first imported, of most that is never, and all of them take 120 MB.
$(STATE)-runtime: pyproject.toml constraints.txt | $(PYTHON)
	@echo "Installing handgrad into $(VENV) (once, a minute or two) ..."
	@$(PIP) install --quiet --no-compile -e ".[report]"
	@touch $@ $(STATE)-report

$(STATE)-dev: pyproject.toml constraints.txt | $(PYTHON)
	@echo "Installing handgrad and the tools for its tests into $(VENV) (once, a minute or two) ..."
	@$(PIP) install --quiet -e ".[dev,serve,sweep]"
	@touch $(STATE)-runtime $@

# One target for each extra of pyproject.toml, with what `make train` installs. The build of PyTorch without CUDA is a
# tenth as large, and sufficient here.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
$(STATE)-torch: INDEX = $(addprefix --extra-index-url ,$(TORCH_INDEX))
$(STATE)-torch $(STATE)-sweep $(STATE)-wandb $(STATE)-tensorboard $(STATE)-onnx $(STATE)-keras $(STATE)-postgresql \
  $(addprefix $(STATE)-,ray report serve parquet completion notebook docs release): \
  $(STATE)-%: pyproject.toml constraints.txt | $(PYTHON)
	@echo "Installing handgrad with $* into $(VENV) (once) ..."
	@$(PIP) install --quiet $(INDEX) -e ".[report,$*]"
	@touch $(STATE)-runtime $(STATE)-report $@

$(PYTHON):
	@for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "handgrad needs Python 3.11 or newer, and found none. Install one (Debian, Ubuntu: sudo apt install python3 python3-venv)." >&2; exit 1; \
	fi; \
	if ! $$found -c 'import ensurepip' 2>/dev/null; then \
	  version=$$($$found -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  echo "$$found cannot make virtual environments: ensurepip is missing. Install it (Debian, Ubuntu: sudo apt install python$$version-venv)." >&2; exit 1; \
	fi; \
	echo "Creating $(VENV) with $$($$found --version)."; \
	$$found -m venv "$(VENV)"
