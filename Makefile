# Environments are made once, from the exact versions in constraints.txt, and made again when those or pyproject.toml change.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL = $(VENV)/bin/python -m pip install --constraint constraints.txt --editable

.PHONY: help quickstart test check perf soak leaderboard clean

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'PYTHON=python3   Python 3.11 or newer, to make the environment with'
	@echo 'VENV=.venv       folder of the environment'
	@echo 'ARGS=            further words for the command that the target runs, as in'
	@echo '                 make quickstart ARGS="--seeds 0,1 --out runs/two-seeds"'

quickstart: $(VENV)/.quickstart-installed ## Train and score vanilla and RoAST on film reviews; print the leaderboard.
	$(VENV)/bin/roast-bench run quickstart $(ARGS)

test: $(VENV)/.dev-installed ## Run the tests.
	$(VENV)/bin/python -m pytest $(ARGS)

check: $(VENV)/.dev-installed ## Lint, formatting and types: ruff and mypy.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

perf: $(VENV)/.dev-installed ## Measure everything side by side and write docs/performance.md; leave the machine alone meanwhile.
	$(VENV)/bin/python tests/perf/everything.py --write docs/performance.md $(ARGS)

soak: $(VENV)/.dev-installed ## Kill, crowd and feed runs badly; write docs/reliability.md from what came of it.
	$(VENV)/bin/python tests/soak/everything.py --write docs/reliability.md $(ARGS)

leaderboard: $(VENV)/.quickstart-installed ## Regenerate the published leaderboard from the records in leaderboard/results.
	$(VENV)/bin/roast-bench leaderboard leaderboard/results --out leaderboard --format markdown,csv,latex,json,html,svg $(ARGS)

clean: ## Remove the environment, builds and caches; keep runs/.
	test ! -e $(VENV)/.created || rm -rf $(VENV)
	rm -rf build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find benchmark leaderboard methods tasks tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("roast-bench needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name another, such as PYTHON=python3.12." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.quickstart-installed: pyproject.toml constraints.txt | $(VENV)/.created
	@echo 'Installing roast-bench into $(VENV); the first time takes some minutes.'
	$(INSTALL) '.[quickstart]'
	@touch $@

# The dev extra contains the quickstart extra.
$(VENV)/.dev-installed: pyproject.toml constraints.txt | $(VENV)/.created
	@echo 'Installing roast-bench and its development tools into $(VENV); the first time takes some minutes.'
	$(INSTALL) '.[dev]'
	@touch $(VENV)/.quickstart-installed $@
