# `make` shows what there is. Needs Python 3.11 or newer; everything else goes into .venv.

PYTHON ?= python3
PORT ?= 3000
UV ?= uv==0.13.9

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := $(VENV)/.tools
AZURITE := $(VENV)/.azurite
BROWSER := $(VENV)/.browser
PIP := $(BIN)/python -m pip --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links pyproject.toml
# uv is quick; pip does the same where uv cannot be had, or cannot reach what pip reaches.
INSTALL = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes \
  -r $< 2>/dev/null || $(PIP) install --quiet --require-hashes -r $<

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help demo dev test soak lint bench memory docs lock clean

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## Deliver a sample lake to a folder, and show what landed where
	@$(BIN)/evexport demo

dev: $(READY) lake/profiles.parquet ## Open this folder's exports in Dagster, at PORT (3000)
	@echo "Dagster: http://localhost:$(PORT) (in half a minute; stop with Ctrl-C)"
	@DAGSTER_HOME="$(CURDIR)" PYTHONWARNINGS="ignore:Function" $(BIN)/dagster dev --port $(PORT)

test: lint $(AZURITE) $(BROWSER) ## Run everything that must hold: linter, types, all tests
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder

soak: $(TOOLS) ## Let a year go by, and kill a real daemon: takes a quarter of an hour
	@$(BIN)/pytest --numprocesses 2 --override-ini faulthandler_timeout=3600 \
	  evexport_dagster_tests/soak/soak_*.py

lint: $(TOOLS) ## Check style and types
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary

bench: $(TOOLS) ## Compare with peers and buckets as ratios (ROWS, ONLY); repeat a million rows, put 2 GiB
	@$(BIN)/python -m benchmarks speed --keep $(if $(ROWS),--rows $(ROWS)) $(if $(ONLY),--only $(ONLY))
	@$(BIN)/pytest --quiet evexport_dagster_tests/delivery/test_same_bytes.py --million
	@$(BIN)/python -m benchmarks.clouds
	@$(BIN)/pytest --quiet evexport_dagster_tests/clouds/test_large_files.py --large -o faulthandler_timeout=0

memory: $(TOOLS) ## Show that peak memory does not grow with rows, nor with names of events
	@$(BIN)/python -m benchmarks memory --keep

docs: $(TOOLS) ## Write docs/reference.md anew: every YAML key
	@$(BIN)/python docs/reference.py

lock: $(TOOLS) ## Pin the newest versions that pyproject.toml allows
	@$(COMPILE) --upgrade --group bench --all-extras --output-file requirements-dev.lock
	@$(COMPILE) --group build --constraint requirements-dev.lock --output-file requirements.lock
	@echo "requirements.lock and requirements-dev.lock are new; make test installs them"

clean: ## Remove .venv and caches; deliveries and the ledger stay
	@rm -rf $(VENV) build *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

lake/profiles.parquet: | $(READY)
	@$(BIN)/python -m evexport_dagster.sample lake

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is not: try make PYTHON=python3.12" >&2; \
	  exit 1; }
	@echo "Installing into $(VENV) what $< pins ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet "$(UV)" 2>/dev/null || echo "uv cannot be had: pip takes longer"
	@$(INSTALL)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(TOOLS): requirements-dev.lock $(READY)
	@echo "Installing into $(VENV) what $< pins for tests and benchmarks ..."
	@$(INSTALL)
	@touch $@

# The Azure stand-in comes from npm; Node itself from the lock file above.
$(AZURITE): $(TOOLS) evexport_dagster_tests/clouds/azurite/package-lock.json
	@$(BIN)/python -m evexport_dagster_tests.clouds.azurite.install
	@touch $@

# So does the browser that looks at Dagster's pages.
$(BROWSER): $(TOOLS) evexport_dagster_tests/browser/package-lock.json
	@$(BIN)/python -m evexport_dagster_tests.browser.install
	@touch $@
