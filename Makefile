# Every task of this repository. "make" alone lists them.
#
# Nothing outside the checkout is touched, with one exception: where this machine's Python cannot make virtual
# environments and we are root, "install" asks apt for the missing part.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
PYTEST := $(BIN)/python -m pytest
# Processes that run tests side by side.
JOBS ?= 2

RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
AXE := tests/browser/node_modules/.installed
CATALOGUES := $(wildcard locale/*/LC_MESSAGES/*.po)
COMPILED := $(CATALOGUES:.po=.mo)
SOURCES := manage.py newsroom subscriptions digests tests bench

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: test-parts check-parts help install demo run migrate test check format lint types migrations translations messages compile \
	test-sqlite test-postgres test-journey test-browser faults guards bench sandbox screenshots requirements corpora clean

help: ## List the tasks
	@awk 'BEGIN {FS = ":.*## "} /^## / {printf "\n%s\n", substr($$0, 4)} \
		/^[a-z-]+:.*## / {printf "  \033[1mmake %-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo

## See it work

demo: $(RUNTIME) $(COMPILED) ## Run the whole job on this machine in var/demo (ONCE=1: once, then exit)
	@$(BIN)/python -m newsroom.demo $(if $(ONCE),--once)

## Work on it

install: $(DEV) $(COMPILED) ## Make .venv with everything that development needs

migrate: $(RUNTIME) ## Bring the database up to date
	$(MANAGE) migrate

sandbox: $(RUNTIME) ## Start a mail provider that misbehaves as you say (SCRIPT=…; docs/faults.md)
	@$(BIN)/python -m newsroom.sandbox --script '$(or $(SCRIPT),{})'

run: $(RUNTIME) $(COMPILED) migrate ## Serve the site on http://127.0.0.1:8000 in debug mode
	DEBUG=on $(MANAGE) runserver

format: $(DEV) ## Format the code and fix what ruff can fix
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

messages: $(DEV) ## Collect the texts to translate (needs gettext) and compile the catalogues
	$(MANAGE) makemessages --locale de --extension html,mjml,py,txt --no-wrap --no-location --no-obsolete \
		--ignore 'tests/*' --ignore 'node_modules/*' --ignore 'var/*'
	@$(MAKE) --no-print-directory compile

compile: $(RUNTIME) $(COMPILED) ## Compile the message catalogues

screenshots: $(DEV) $(COMPILED) ## Take the pictures that the documentation shows (needs Chromium)
	$(BIN)/python -m tests.screenshots

## Prove it

test: test-parts install test-sqlite test-postgres test-journey ## Install, then the core tests (10 minutes on two cores)

check: check-parts lint types migrations translations test test-browser ## Every gate (half an hour on two cores)

# Programs that pip cannot bring.
test-parts:
	@.ci/parts chromium postgresql

check-parts:
	@.ci/parts chromium postgresql gettext npm

lint: $(DEV) ## Format and lint, without changing anything
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

types: $(DEV) ## Check the types
	$(BIN)/mypy

migrations: $(DEV) ## No model change without its migration
	$(MANAGE) makemigrations --check --dry-run

translations: $(DEV) ## German complete, catalogues current (needs gettext)
	$(BIN)/python -m tests.translations

test-sqlite: $(DEV) $(COMPILED) ## The fast tests, on SQLite
	$(PYTEST) -n $(JOBS) -m "not browser and not journey and not slow"

test-postgres: $(DEV) $(COMPILED) ## The tests marked postgres, on a real PostgreSQL
	TEST_DATABASE=postgres $(PYTEST) -n $(JOBS) -m "postgres and not browser and not slow"

test-journey: $(DEV) $(COMPILED) ## One reader's way through a real browser
	$(PYTEST) -m journey

test-browser: $(DEV) $(COMPILED) $(AXE) ## The slow tests and everything in a real browser
	$(PYTEST) -n $(JOBS) -m "(browser or slow) and not journey"

faults: $(DEV) $(COMPILED) ## Break a running installation in every way of docs/faults.md (FAULTS=…; 15 minutes)
	$(BIN)/python -m tests.faults $(FAULTS)

guards: $(DEV) $(COMPILED) ## Break each guard of the engine and see its test turn red (decision 20; 10 minutes)
	$(BIN)/python -m tests.guards

bench: $(DEV) $(COMPILED) ## Measure beside references and write bench/RESULTS.md (15 minutes; QUICK=1: three, elsewhere)
	$(BIN)/python -m bench $(if $(QUICK),--quick)

corpora: $(DEV) ## Try the cases of others in CORPORA=DIR (../shared/corpora): bounces, webhooks, feeds, hostile HTML …
	$(BIN)/python -W ignore -m tests.corpora $(CORPORA)

CORPORA ?= ../shared/corpora

## Look after it

requirements: $(DEV) ## Pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile pyproject.toml --output-file requirements/base.txt $(PINNING)
	$(BIN)/uv pip compile pyproject.toml --group dev --constraints requirements/base.txt \
		--output-file requirements/dev.txt $(PINNING)

PINNING := --universal --python-version 3.11 --generate-hashes --upgrade --quiet \
	--no-emit-index-url --custom-compile-command "make requirements"

clean: ## Remove what was installed or compiled; var/ stays
	rm -rf $(VENV) $(COMPILED) tests/browser/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

# --- How things are made ------------------------------------------------------------------------------------

$(BIN)/python:
	@.ci/make-venv $(PYTHON) $(VENV)

# --no-deps: the files name every package, and hashes are demanded for each.
# An installation for development serves the demo as well; it need not be made smaller for it.
$(RUNTIME): requirements/base.txt | $(BIN)/python
	@if [ -e $(DEV) ] && [ $(DEV) -nt requirements/base.txt ]; then :; else \
		echo "Installing what runs Newsroom …"; \
		$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements/base.txt; fi
	@touch $@

$(DEV): requirements/dev.txt requirements/base.txt | $(BIN)/python
	@echo "Installing what develops Newsroom …"
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements/dev.txt
	@touch $(RUNTIME) $@

%.mo: %.po | $(RUNTIME)
	@$(BIN)/python -m babel.messages.frontend --quiet compile --input-file $< --output-file $@

# axe-core, for tests only. No lock file: it would record where this machine fetched it.
$(AXE): tests/browser/package.json
	@npm install --prefix tests/browser --no-package-lock --no-audit --no-fund --loglevel error
	@touch $@
