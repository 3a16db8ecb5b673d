# make run    price the 45 countries of a sample lake into SQLite, from a fresh checkout; COUNTRIES=DEU,AUT only these
# make ui     look at it in the Dagster UI
# make weeks N=8  play eight Mondays of a sample with a buyer who follows some of the advice; COUNTRIES=DEU,AUT chooses
# make metronome-demo  the round as jobs of a DC/OS cluster that is this machine
# make test   the tests, in eight minutes on two cores;  make test-long  those that take longer, and then test-node
# make test-node  those on the image, built here, and on a real Kubernetes node; as root on Debian
# make check  what a reviewer runs: format, lint, types, tests

PYTHON ?= python3
BIN := .venv/bin
SAMPLE_LAKE := .local/lake
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
# Two more than two cores, because tests wait for servers: with four all tests take 507 to 530 s, with five 539 s, and with
# six, which fight for the two cores, took 666 s (2026-11-28). The rounds of test-long fill two cores by themselves.
TEST_PROCESSES ?= 4
LONG_TEST_PROCESSES ?= 2

# The sample's own week: without it five years of weeks would be opened and found missing.
first_week = $(firstword $(sort $(notdir $(wildcard $(SAMPLE_LAKE)/markdown_training_data/20*))))

# Before there is a sample, its week is the one that has begun.
this_week = $(shell date -d "-$$(( $$(date +%u) - 1 )) days" +%F)

# On Ctrl-C a program says itself what has become of its work, so that make need not add "Error 1". The shell ends once
# make has seen the signal, too, which is the second bit of those that await it: if it ended before, make would look for
# it in vain and end with that error.
QUIET_ON_CTRL_C := trap 'while grep -qs "^ShdPnd.*[2367abef]$$" /proc/$$PPID/status; do sleep 0.01; done; exit 0' INT;

.PHONY: run price-sample ui weeks test test-long test-node check format lint types bench metronome-demo clean

run: .venv/run
	@$(QUIET_ON_CTRL_C) ls $(SAMPLE_LAKE)/markdown_training_data/*/_SUCCESS >/dev/null 2>&1 || $(BIN)/markdown-pricing sample --lake $(SAMPLE_LAKE)
	@$(QUIET_ON_CTRL_C) $(MAKE) --no-print-directory price-sample

price-sample ui: export MARKDOWN_PRICING_START_WEEK := $(or $(MARKDOWN_PRICING_START_WEEK),$(first_week),$(this_week))

price-sample:
	@$(QUIET_ON_CTRL_C) $(BIN)/markdown-pricing run --workers $(WORKERS) $(if $(COUNTRIES),--countries '$(COUNTRIES)')

# Nobody collects log lines here.
ui: export MARKDOWN_PRICING_LOG := $(or $(MARKDOWN_PRICING_LOG),off)
ui: export DAGSTER_HOME := $(or $(DAGSTER_HOME),$(CURDIR)/.local/dagster)
# `dg dev` serves as well. It is not taken here, because what it needs would have to be installed for `make run`, too. So
# the advice of `dagster dev` to take it is of no use to whoever looks at the page.
ui: export PYTHONWARNINGS := $(or $(PYTHONWARNINGS),ignore:Function `dev_command` is superseded)
# An open lineage asks for news every 10 s, and not every 2 s, which took a sixth of a core (docs/performance.md). What becomes
# of the runs that it knows it is told at once.
# What went wrong is an error. Dagster's warnings tell the first time that its daemon has not run before.
ui: .venv/run
	@umask 077 && mkdir -p "$$DAGSTER_HOME" && test -f "$$DAGSTER_HOME/dagster.yaml" || cp markdown_pricing/data/dagster.yaml "$$DAGSTER_HOME/"
	@[ "$$MARKDOWN_PRICING_LAKE" ] || ls $(SAMPLE_LAKE)/markdown_training_data/*/_SUCCESS >/dev/null 2>&1 || { mkdir -p $(SAMPLE_LAKE) && echo 'No week is delivered yet: `make run` makes a sample and prices it.'; }
	@echo "Dagster's page opens in some seconds: http://localhost:$(or $(PORT),3000) (Ctrl-C ends it)"
	@$(QUIET_ON_CTRL_C) $(BIN)/dagster dev -w workspace.yaml -p $(or $(PORT),3000) --log-level error --live-data-poll-rate 10000

# In a folder of its own, .local/weeks, which each call begins anew; SHARE=0.6 of the advice is followed.
weeks: .venv/run
	@$(QUIET_ON_CTRL_C) $(BIN)/python -m examples.weeks --weeks $(or $(N),8) --workers $(WORKERS) $(if $(COUNTRIES),--countries '$(COUNTRIES)') $(if $(SHARE),--followed $(SHARE))

# Hundreds of processes import project and tests; where somebody forbids Python to keep bytecode, each compiles them anew.
test test-long test-node: export PYTHONDONTWRITEBYTECODE :=

test: .venv/dev
	@tests/install
	@tests/in_memory $(BIN)/python -m pytest -n $(TEST_PROCESSES) -m "not long and not node"

# NODE=no leaves out image and node, as .ci/run does, which would take longer than it may.
NODE ?= yes
test-long: .venv/long
	@tests/install $(if $(filter yes,$(NODE)),node)
	@$(BIN)/python -m pytest -n $(LONG_TEST_PROCESSES) -m long
	@$(if $(filter yes,$(NODE)),$(MAKE) --no-print-directory test-node)

test-node: .venv/dev
	@tests/install node
	@$(BIN)/python -m pytest -m node

check: lint types test

format: .venv/dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: .venv/dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: .venv/dev
	@$(BIN)/mypy

bench: .venv/dev
	@$(BIN)/python bench/one_country.py
	@$(BIN)/python bench/price_paths.py
	@$(BIN)/python bench/pricing.py

metronome-demo: .venv/dev
	@$(QUIET_ON_CTRL_C) $(BIN)/python -m tests.doubles.demo --port $(or $(PORT),3000)

# What pip does not bring: as root it is installed, else named.
need = @$(1) >/dev/null 2>&1 \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends $(2) >/dev/null; } \
	|| { echo "$(2) is missing. Run: sudo apt-get install $(2)"; exit 1; }

# The environment is made once, and again only when what it is made from has changed. pip compiles on one core what it
# has installed, 50 s of them, and compileall on all. A package that brings a file of another Python is none the worse.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
COMPILE := $(BIN)/python -m compileall -qq -j 0 .venv/lib || true

.venv/bin/python:
	$(call need,$(PYTHON) -c 'import ensurepip',python3-venv)
	$(call need,PATH=$$PATH:/sbin ldconfig -p | grep libgomp.so.1,libgomp1)
	@$(PYTHON) -m venv .venv

.venv/run: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv, once ..."
	@$(INSTALL) --editable '.[postgres,hdfs]'
	@$(COMPILE)
	@touch $@

# Beside the environment: LightGBM imports scikit-learn where it finds it, which costs each process of the tests 1.8 s.
EXAMPLES := .venv/examples

# It has what .venv/run has, which is not installed beforehand, because each call of pip looks at all packages again.
.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing what the tests need, once ..."
	@$(INSTALL) --editable '.[postgres,hdfs,kubernetes,metronome,alerts,experiments,etl,real-sales,dev]'
	@$(INSTALL) --no-deps --upgrade --target $(EXAMPLES) scikit-learn joblib
	@$(COMPILE)
	@touch .venv/run $@

.venv/long: pyproject.toml constraints.txt | .venv/dev
	@echo "Installing PyTorch, 2.5 GB, once ..."
	@$(INSTALL) --editable '.[torch]'
	@touch $@

clean:
	rm -rf .venv .local .cache build *.egg-info
