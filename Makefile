# `make run` and `make test` are all one needs; `make help` lists the rest.
SHELL = /bin/sh
unexport PYTHONDONTWRITEBYTECODE # the same modules are read by hundreds of programs
.DEFAULT_GOAL = help
VENV = .venv
MINUTES = 30
PYTHON_BIN = $(VENV)/bin/python
RUNTIME = @VENV="$(VENV)" sh tools/bootstrap.sh run
DEV = @VENV="$(VENV)" sh tools/bootstrap.sh dev
WITHOUT_SERVERS = unset TEST_DATABASE_URL DATABASE_URL TEST_S3_BUCKET_NAME;
WITH_SERVERS = $(PYTHON_BIN) -m tests.with_servers
# More of them than cores, as they wait for programs; files in turn, the long ones first.
BESIDE = -n 4 --dist loadfile --no-loadscope-reorder
SIDE_BY_SIDE = -n logical --maxprocesses 4 --dist worksteal
# Measuring takes twice the time, and what the doors do is measured on SQLite.
MEASURED = $(PYTHON_BIN) -m coverage run -m pytest
DOORS = tests/access tests/admin tests/rest tests/web
DOORLESS = tests $(DOORS:%=--ignore=%)
QUICK = not e2e and not race and not tooling
# In memory, where there are 4 GiB of it, nothing waits for a disk.
IN_MEMORY = $(shell { df -Pk /dev/shm | awk 'NR == 2 && $$4 > 4194304 {print "TMPDIR=/dev/shm"}'; } 2>/dev/null)

.PHONY: help run cluster test test-fast check lint deploy-check soak bench screenshots clean

help: ## Say what each command does
	@printf '\nAn object store in one command. Needs Python 3.11+ and make.\n\n'
	@[ -t 1 ] && on='\033[36m' off='\033[0m'; awk -F ':.*## ' -v on="$$on" -v off="$$off" \
	'/^[a-z-]+:.*## / {printf "  " on "make %-13s" off " %s\n", $$1, $$2}' Makefile
	@printf '\nSettings come from the environment or .env (see .env.example).\n\n'

run: ## Start the store on http://localhost:8080 (another port: PORT=8081 make run)
	$(RUNTIME)
	@exec $(PYTHON_BIN) manage.py serve

cluster: ## Start PostgreSQL, an S3 server, three nodes and nginx on this machine
	$(DEV)
	@exec $(PYTHON_BIN) -m cluster

test: ## Run all tests, on SQLite and files, then on PostgreSQL and S3, and hold the coverage
	$(DEV)
	@rm -f .coverage .coverage.*
	$(WITHOUT_SERVERS) $(IN_MEMORY) $(MEASURED) $(SIDE_BY_SIDE) -m "$(QUICK)"
	$(WITHOUT_SERVERS) $(PYTHON_BIN) -m pytest $(BESIDE) -m "(e2e or race or tooling) and not once"
	$(IN_MEMORY) $(WITH_SERVERS) --s3 $(MEASURED) $(SIDE_BY_SIDE) -m "$(QUICK) and not once" $(DOORLESS)
	$(IN_MEMORY) $(WITH_SERVERS) --s3 $(PYTHON_BIN) -m pytest $(SIDE_BY_SIDE) -m "$(QUICK) and not once" $(DOORS)
	$(WITH_SERVERS) --s3 $(PYTHON_BIN) -m pytest $(BESIDE) -m "(e2e or race) and not sqlite_only and not tooling"
	@$(PYTHON_BIN) -m coverage combine --quiet
	$(PYTHON_BIN) -m coverage report

test-fast: ## Run the tests that need no server, on SQLite: the inner loop
	$(DEV)
	$(WITHOUT_SERVERS) $(IN_MEMORY) $(PYTHON_BIN) -m pytest -q $(SIDE_BY_SIDE) -m "$(QUICK) and not slow"

check: lint deploy-check test ## Do all that CI does: lint, types, imports, templates, deploy checks, tests

lint: ## Check style, types, import rules, templates and migrations
	$(DEV)
	$(PYTHON_BIN) -m ruff check .
	$(PYTHON_BIN) -m ruff format --check .
	ENV_FILE=/dev/null SECRET_KEY=only-for-reading-the-types-never-for-serving $(PYTHON_BIN) -m mypy
	$(VENV)/bin/lint-imports
	$(PYTHON_BIN) -m djlint templates --check --lint --quiet
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	[ ! -x $(VENV)/bin/hadolint ] || $(VENV)/bin/hadolint Dockerfile
	DJANGO_SETTINGS_MODULE=tests.settings $(PYTHON_BIN) manage.py makemigrations --check --dry-run

deploy-check: ## Run Django's deploy checks with the settings of a production node
	$(DEV)
	$(WITH_SERVERS) sh -c 'ENV_FILE=/dev/null DATABASE_URL="$$TEST_DATABASE_URL" BIND=0.0.0.0 \
	ALLOWED_HOSTS=store.example.com SECRET_KEY="$$($(PYTHON_BIN) -c "import secrets; print(secrets.token_urlsafe(50))")" \
	$(PYTHON_BIN) manage.py check --deploy --fail-level WARNING --database default'

soak: ## Race writers, deleters, readers and sweepers for long: make soak MINUTES=30
	$(DEV)
	$(WITHOUT_SERVERS) MINUTES=$(MINUTES) $(PYTHON_BIN) -m tests.races.soak
	$(WITHOUT_SERVERS) STATEFUL_EXAMPLES=1000 $(PYTHON_BIN) -m pytest -q tests/services/test_stateful.py
	MINUTES=$(MINUTES) $(WITH_SERVERS) --s3 $(PYTHON_BIN) -m tests.races.soak

bench: ## Measure this machine, each number beside its limit
	$(DEV)
	$(PYTHON_BIN) -m bench

screenshots: ## Picture every screen of a store with something to show: docs/screenshots
	$(DEV)
	$(WITHOUT_SERVERS) $(PYTHON_BIN) -m tests.screenshots

clean: ## Remove the environment and caches; the store's data stays
	rm -rf "$(VENV)" staticfiles .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
