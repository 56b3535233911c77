# Needs Python 3.11 or newer, make and a package index; everything else is set up here.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.installed
PYTEST_ARGS ?=

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help run test test-postgres check format bench screenshots audit clean

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

run: $(READY) ## set everything up in var/demo/ and serve it on 127.0.0.1 (PORT, SANDBOX_PORT)
	@exec python .ci/run-demo

test: $(READY) ## run every test, the browser's too; on PostgreSQL as well where TEST_POSTGRES_URL names one
	@.ci/browser
	env -u TEST_POSTGRES_URL -u PYTHONDONTWRITEBYTECODE python -m pytest -n auto $(PYTEST_ARGS)
	@if [ -n "$$TEST_POSTGRES_URL" ]; then $(MAKE) --no-print-directory test-postgres; \
	else echo "Left out: the same tests on PostgreSQL, because TEST_POSTGRES_URL is not set."; fi

test-postgres: $(READY) ## run the tests on the PostgreSQL that TEST_POSTGRES_URL names (without the browser's)
	@[ -n "$$TEST_POSTGRES_URL" ] || { echo "TEST_POSTGRES_URL is not set" >&2; exit 1; }
	python -m pytest -n auto --ignore tests/browser $(PYTEST_ARGS)

check: $(READY) ## linters, layers, types, migrations, deploy check
	ruff check
	ruff format --check
	mypy
	lint-imports
	djlint --check --lint --quiet templates
	.ci/deploy-check

format: $(READY) ## rewrite code and templates in the house format
	ruff check --fix
	ruff format
	djlint --reformat --quiet templates

bench: $(READY) ## measure speed, and what the contract promises
	python -m bench

screenshots: $(READY) ## take the pictures of README and guide anew, from a product started for it
	@.ci/browser
	python .ci/screenshots

audit: $(READY) ## known vulnerabilities in what is installed; needs the network
	python -m pip install --quiet pip-audit
	python -m pip_audit --local

clean: ## remove the virtual environment and every cache; var/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed (make PYTHON=…)")'
	$(PYTHON) -m venv $(VENV)
	python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@
