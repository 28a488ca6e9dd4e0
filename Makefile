# Each target sets up .venv by itself, from requirements.lock (env-extra: .venv-extra, from
# requirements-extra.lock); `make` alone lists them.
# PYTHON=/path/to/python3.11 chooses the Python, CORES=n how many cores are used (all by default;
# OMP_NUM_THREADS, which nproc would take for their number, says how many threads a process has).

PYTHON ?=
CORES ?= $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
DEMO = runs/demo

export PYTHON
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Without bytecode each of some thousand processes that tests start compiles the project anew.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help env env-extra demo test test-fast lint learn bench faults clean lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

env: ## .venv with everything in it, the project included (2 minutes)
	@sh tools/env.sh

env-extra: ## .venv-extra with MediaPipe 1.x and what else only a few tests need (3 minutes)
	@sh tools/env.sh extra

demo: env ## the whole job on made videos, within 10 minutes on 2 cores; CORES=n
	ocim replica -o $(DEMO)/replica --subjects 3 --seed 1 --cores $(CORES)
	snakemake --cores $(CORES) --quiet host rules reason --configfile config/demo.yaml -- all
	ocim truth --config $(DEMO)/config.yaml
	ocim bundle verify $(DEMO)/bundle
	@echo "made: $(DEMO)/bundle/bundle.json  $(DEMO)/results.json  $(DEMO)/report.html (open this one)"

# One process more than there are cores: some tests wait for servers, schedulers and browsers.
# In the order of the files, which begins with end_to_end/: what takes long does not come last.
test: env ## every test
	OMP_NUM_THREADS=1 pytest -n $$(($(CORES) + 1)) --dist loadfile --no-loadscope-reorder

test-fast: env ## the quick tests, for daily work
	OMP_NUM_THREADS=1 pytest -n $(CORES) --dist loadfile -m "not slow"

lint: env ## ruff and mypy
	ruff check .
	ruff format --check .
	mypy

learn: env ## 27 small trainings on the demo's bundle; writes docs/learning.md (10 minutes, after make demo)
	python tools/learn.py --bundle $(DEMO)/bundle --table docs/learning.md

NOT_BENCH = benchmarks/faults.py benchmarks/reference_step.py

bench: env ## every script of benchmarks/ that needs no file; each prints its figures as JSON
	@for script in $(filter-out $(NOT_BENCH),$(wildcard benchmarks/*.py)); do echo "$$script" >&2; python "$$script" || exit 1; done

faults: env ## kills, full disks, failing stores: every run must end in the same bytes (22 to 40 minutes; disks need root)
	python benchmarks/faults.py

clean: ## removes the demo's run and the caches; .venv, .venv-extra and other runs stay
	rm -rf $(DEMO) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*/*' -prune -exec rm -rf {} +

lock: ## resolves pyproject.toml into both lock files and environment.yml; UPGRADE=1 for newest
	@rm -rf .venv-lock && python=$$(sh tools/env.sh python) && "$$python" -m venv .venv-lock
	@.venv-lock/bin/python -m pip install --quiet uv==0.13.9 packaging==25.0
	@.venv-lock/bin/python tools/lock.py $(if $(UPGRADE),--upgrade)
	@rm -rf .venv-lock
