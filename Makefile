# The two commands of the README are `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
CORES ?= all

.PHONY: run test lint bench docs setup train clean

setup: .venv/ready

.venv/ready: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@

run: setup
	$(BIN)/snakemake --cores $(CORES)
	@echo "Report: $(CURDIR)/results/areas/silesia/basinnet/report.html"
	@echo "Map:    $(CURDIR)/results/areas/silesia/basinnet/map.html"

train: setup
	$(BIN)/snakemake --cores $(CORES) train

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

# Two files of tests at a time, one thread each: small networks would spend their time waiting for one another.
TEST_WORKERS ?= 2
test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile

.venv-peers/ready: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps mintpy==1.6.4 sahi==0.12.8
	touch $@

# make bench NAME=main
bench: setup .venv-peers/ready
	$(BIN)/python benchmarks/$(NAME).py

.venv-docs/ready: docs/requirements.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# The site comes to build/site; once .venv-docs is there no network is needed.
docs: setup .venv-docs/ready
	$(BIN)/python docs/site.py build/docs
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

clean:
	rm -rf results/* logs .snakemake
