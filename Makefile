# The course's commands. `make help` lists them; each does its own set-up, and a second call starts at once.
#
#   PYTHON=python3.12   which Python makes the environment (3.11 or newer)
#   VENV=.venv          where it lies
#   LOCKED=1            install exactly the versions of requirements.lock instead of the newest that fit
#   COURSE_MODE=smoke   smoke, laptop (default) or full: how much computing the lessons do
#   SHORT=1             make torture takes a cut of everything
#   ARGS="--only 02"    passed on to the runner of the lessons, or to pytest

PYTHON ?= python3
VENV ?= .venv
COURSE_MODE ?= laptop
LOCKED ?=
ARGS ?=
BIN := $(VENV)/bin
PY := $(BIN)/python
# Test runs keep away from runs/course, where your own results lie.
SMOKE := COURSE_MODE=smoke COURSE_RUNS=runs/smoke $(PY) -m gltr_lib.course.run
CONSTRAINTS := $(if $(LOCKED),-c requirements.lock,)
COMMA := ,

.DEFAULT_GOAL := help
.PHONY: help course test torture torture-short test-sets release-check lab explorers install-browser site results sheets lessons editions slides lint types unit smoke test-all lock clean install install-test
export COURSE_MODE
# Waiting threads sleep instead of spinning, so that a busy machine does not slow training down several times.
export OMP_WAIT_POLICY ?= PASSIVE

help:  ## this list
	@echo "Global and Local Texture Randomization: a course and a library"
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

course: $(VENV)/.installed  ## set up, run every lesson offline, print your result beside the study's
	@$(PY) -m gltr_lib.course.run $(ARGS)

lab: $(VENV)/.installed  ## open JupyterLab on lesson 00 (this machine only, with a token)
	@$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --LabApp.news_url=None \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
	  $(if $(filter 0,$(shell id -u)),--allow-root) $(firstword $(wildcard notebooks/00_*.ipynb)) $(ARGS)

explorers: $(VENV)/.installed  ## all explorers on one page, for a classroom's screen (this machine only, with a token)
	@$(PY) -m gltr_lib.course.classroom $(ARGS)

site: $(VENV)/.installed-site  ## the offline site in build/site, from executed lessons (runs those that are missing)
	@$(PY) docs/make_site.py $(ARGS)

results: $(VENV)/.installed  ## every table and figure of the study, from the ledger alone (README, docs/, results/)
	@$(PY) -m gltr_lib.study --report

sheets: $(VENV)/.installed  ## contact sheets of the lessons and the README's lesson table, from executed lessons
	@$(PY) docs/make_thumbnails.py $(ARGS)

lessons: $(VENV)/.installed  ## build notebooks/ and docs/teaching/notes.md from lessons/
	@$(PY) -m gltr_lib.course.build && $(PY) -m gltr_lib.course.teach

build: lessons  ## the same as lessons

editions: $(VENV)/.installed  ## the instructor edition (solutions, clock, notes for teachers), in build/instructor/
	@$(PY) -m gltr_lib.course.build --instructor

slides: $(VENV)/.installed  ## slides of every lesson for an offline projector, in build/slides/ (figures: after make course)
	@$(PY) -m gltr_lib.course.slides

# Each phase says how long it took; pytest comes last, so that its summary is the closing line.
define timed
	@printf '\n== %s\n' "$(1)"; start=$$(date +%s); $(2) || exit 1; echo "-- $(1): $$(( $$(date +%s) - start )) s"
endef

test: $(VENV)/.installed-test  ## set up, then lint, types, a short torture campaign, a smoke run of the course, and all tests
	@$(MAKE) --no-print-directory lint types torture-short smoke unit

lint: $(VENV)/.installed-test  ## style of code and lessons, and whether the notebooks are current
	$(call timed,lint,$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(PY) -m gltr_lib.course.lint && $(PY) -m gltr_lib.course.build --check && $(PY) -m gltr_lib.course.teach --check)

types: $(VENV)/.installed-test  ## types of the library
	$(call timed,types,$(BIN)/mypy)

smoke: $(VENV)/.installed-test  ## both editions of every lesson in smoke mode, in random order, network off
	$(call timed,lessons (solved edition),$(SMOKE) --shuffle 7 --strict-time)
	$(call timed,lessons (student edition),$(SMOKE) --student)

# Whatever drives a browser, a kernel or the site goes one after the other; the rest in two processes.
BIG := browser or site or course
unit: $(VENV)/.installed-test  ## pytest alone; `make unit ARGS="-k adain"` picks
	@printf '\n== tests\n'
ifeq ($(ARGS),)
	@env -u COURSE_MODE $(PY) -m pytest -n 2 --dist loadfile --durations=10 -m "not ($(BIG) or slow_browser)"
	@env -u COURSE_MODE $(PY) -m pytest --durations=10 -m "($(BIG)) and not slow_browser"
else
	@env -u COURSE_MODE $(PY) -m pytest --durations=10 $(ARGS)
endif

torture: $(VENV)/.installed-test  ## bad input, kills, full disks, load: the whole campaign, about an hour (SHORT=1: three minutes)
	@$(PY) -m tests.torture $(if $(SHORT),--short,) $(ARGS)

torture-short: $(VENV)/.installed-test
	$(call timed,torture (short),$(PY) -m tests.torture --short)

test-sets:  ## make test twice, in environments of their own: the locked versions, and the newest that fit (12 GB)
	@$(MAKE) --no-print-directory test LOCKED=1 VENV=.venv-locked
	@$(MAKE) --no-print-directory test VENV=.venv-newest

release-check: $(VENV)/.installed-test  ## what a maintainer runs before tagging (ARGS=--quick leaves out the tests)
	@$(PY) .ci/release_check.py $(ARGS)

test-all: $(VENV)/.installed-test  ## make test, then every lesson in a browser, and the course in laptop mode with its time limits held
	@$(MAKE) --no-print-directory test
	@env -u COURSE_MODE $(PY) -m pytest -m slow_browser --durations=10 tests/browser
	@COURSE_MODE=laptop $(PY) -m gltr_lib.course.run --strict-time

lock: $(VENV)/.installed-test  ## renew requirements.lock (it holds versions, and no addresses)
	@$(PY) -m uv --version >/dev/null 2>&1 || $(PY) -m pip install --quiet uv
	@$(PY) -m uv pip compile --quiet --universal --upgrade --python-version 3.11 --extra test --extra browser --extra site --no-emit-index-url \
	  --no-annotate --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

clean:  ## remove caches and the course's runs; the environment and the study's runs stay
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis runs/course runs/smoke
	find gltr_lib tests lessons data_scripts benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

install: $(VENV)/.installed  ## the environment for the course
install-test: $(VENV)/.installed-test  ## the environment with the test tools

install-browser:  ## Debian's Chromium for the browser tests (as root; without one they are skipped, aloud)
	@for name in chromium chromium-browser google-chrome-stable google-chrome; do \
	  if command -v $$name >/dev/null; then echo "$$name is here"; exit 0; fi; done; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo "error: no Chromium here; install one with your system's tools, or name it in GLTR_CHROMIUM"; exit 1; fi; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core

# uv installs in a fraction of pip's time; where it cannot be had, or cannot do it, pip does the same.
define pip_install
	@echo "Installing $(1) into $(VENV) (about 6 GB with torch; a few minutes the first time)"
	@if $(PY) -m pip install --quiet --disable-pip-version-check uv >/dev/null 2>&1 \
	    && $(PY) -m uv pip install --quiet --python $(PY) $(CONSTRAINTS) -e "$(1)"; then :; \
	  else $(PY) -m pip install --disable-pip-version-check $(CONSTRAINTS) -e "$(1)"; fi
endef

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(call pip_install,.)
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(VENV)/bin/python
	$(call pip_install,.[test$(COMMA)browser$(COMMA)site])
	@touch $(VENV)/.installed $(VENV)/.installed-site $@

$(VENV)/.installed-site: pyproject.toml | $(VENV)/bin/python
	$(call pip_install,.[site])
	@touch $(VENV)/.installed $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: the course needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1 || true)"; \
	  echo "       Name another one: make course PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "error: $(PYTHON) cannot make an environment (Debian and Ubuntu: apt install python3-venv)"; exit 1; }
