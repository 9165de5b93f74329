# Everything runs in .venv, made from requirements.lock. Needs Python 3.11 or newer, and make.
.DEFAULT_GOAL := help
.PHONY: help setup lab test fuzz stable corpus growth lint lock clean distclean
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN    := .venv/bin
STAMP  := .venv/.installed
PIP    := -m pip --disable-pip-version-check --no-input
EXTRAS := autograd,torch,jax,lab,dev
# Installed before the rest when the lock is made: a bare "torch" may bring several GB of CUDA libraries.
TORCH  := torch==2.13.0

help:
	@echo 'make lab        set up, then compare the engines and write the report'
	@echo 'make test       set up, then run the tests and the doctests'
	@echo 'make setup      make .venv from requirements.lock, with closedform editable in it'
	@echo 'make fuzz N=1000  derivatives of N random programs against JAX (FIRST=seed JOBS=2 EVERY=10)'
	@echo 'make corpus     derivatives of textbook functions against the books: a table (ARGS=-v with formulas)'
	@echo 'make stable N=1000  values and derivatives at N points of every magnitude against the exact ones'
	@echo 'make growth     time of deriving unrolled loops of 10 to 1,000 steps (STEPS=...)'
	@echo 'make lint       ruff (rules and format) and mypy'
	@echo 'make lock       make requirements.lock anew from pyproject.toml'
	@echo 'make clean      remove caches, reports and builds; make distclean also removes .venv'

setup: $(STAMP)

# No build isolation: hatchling too comes from the lock file.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'closedform needs Python 3.11 or newer; name one with: make setup PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo 'This Python cannot make virtual environments (on Debian: apt install python3-venv).'; exit 1; }
	@echo 'Setting up .venv (about 2 GB; a minute or two the first time) ...'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP) install -qq --requirement requirements.lock
	@$(BIN)/python $(PIP) install -qq --no-deps --no-build-isolation --editable .
	@touch $@

lab: setup
	$(BIN)/closedform lab

# One BLAS thread for each of the two workers; no window, no accelerator.
test: export OMP_NUM_THREADS := 1
test: export OPENBLAS_NUM_THREADS := 1
test: export MPLBACKEND := Agg
test: export JAX_PLATFORMS := cpu
test: setup
	$(BIN)/python -m pytest -n 2 --doctest-modules --doctest-glob='*.md' src/closedform tests README.md docs $(ARGS)

# N random programs, from seed FIRST on, on JOBS processes, against JAX: one in EVERY, as compiling takes long.
fuzz: export JAX_PLATFORMS := cpu
fuzz: export OPENBLAS_NUM_THREADS := 1
fuzz: setup
	$(BIN)/python -m tests.fuzz.run $(or $(N),1000) $(or $(FIRST),0) $(or $(JOBS),1) $(or $(EVERY),1)

# One row for each textbook function and order; ARGS='-v log_det' prints formulas, of some functions only.
corpus: export JAX_PLATFORMS := cpu
corpus: setup
	$(BIN)/python -m tests.corpus.table $(ARGS)

# Elementwise functions and what people write, at N points from 1e-300 to 1e300; other libraries beside it.
stable: export JAX_PLATFORMS := cpu
stable: setup
	$(BIN)/python -m tests.code.stable_sweep $(or $(N),1000) $(or $(SEED),0)

# Time of deriving unrolled loops of STEPS='10 100 1000' steps.
growth: setup
	$(BIN)/python -m tests.code.growth $(STEPS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A local version ("2.13.0+cpu") names one build of a release; the lock pins the release.
lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python $(PIP) install -qq $(TORCH)
	.venv-lock/bin/python $(PIP) install -qq '.[$(EXTRAS)]'
	{ echo '# Exact versions of everything closedform and its extras use. Made by "make lock"; do not edit.'; \
	  .venv-lock/bin/python $(PIP) freeze --exclude closedform | sed 's/+[A-Za-z0-9.]*$$//'; } > requirements.lock.new
	@if grep -nE '@|/|\\' requirements.lock.new; then echo 'The lock would hold a path or an address.'; exit 1; fi
	mv requirements.lock.new requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .venv-lock requirements.lock.new build dist report
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv
