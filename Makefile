# What a developer runs. Everything lives in .venv, made by the first target that needs it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROTOS_VENV ?= .venv-protos
STAMP := $(VENV)/.installed
PROTO_FILES := $(wildcard protos/sqlenv/v1/*.proto)

.DEFAULT_GOAL := help
.PHONY: help setup demo train-demo test test-all lint protos protos-check data bench clean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP)  ## make .venv with everything that development needs

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("SQLEnv needs Python 3.11 or newer; say make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(STAMP)  ## start the services, play scored episodes over gRPC, print the table
	$(BIN)/sqlenv demo

# TORCH_INDEX=URL takes torch alone from another index, as PyTorch's own of CPU builds (pytorch.org/get-started names it):
# PyPI's for Linux brings gigabytes of CUDA.
$(VENV)/.installed-train: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps \
	  $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,train]'
	touch $@

train-demo: $(VENV)/.installed-train  ## a policy learns on two CPU cores, three seeds: SFT and GRPO over gRPC, table, pictures
	$(BIN)/sqlenv train run tiny --seeds 0,1,2 --jobs 3

test: $(STAMP)  ## the quick tests, under 5 minutes on 2 cores
	$(BIN)/python -m pytest -n 2

# One thread of torch a process: there are as many processes as cores. Groups keep to one process what is made once for all of
# them: images, a trained policy.
test-all: $(VENV)/.installed-train  ## all tests, the slow ones too; installs what training needs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup -m 'slow or not slow'

lint: $(STAMP) protos-check  ## ruff, mypy, buf, stub drift
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/buf lint

# The oldest grpcio-tools whose stubs load beside the protobuf of vLLM, TRL and ours (5.29 to 7): newer stubs refuse older
# runtimes. It needs an older protobuf itself, hence a virtual environment of its own.
$(PROTOS_VENV)/.installed: Makefile
	$(PYTHON) -m venv $(PROTOS_VENV)
	$(PROTOS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check grpcio-tools==1.62.3 'setuptools<81'
	touch $@

protos: $(PROTOS_VENV)/.installed  ## generate sqlenv/v1 from protos/
	$(PROTOS_VENV)/bin/python -m grpc_tools.protoc -I protos --python_out=. --grpc_python_out=. --pyi_out=. $(PROTO_FILES)

protos-check: $(PROTOS_VENV)/.installed
	rm -rf build/protos && mkdir -p build/protos
	$(PROTOS_VENV)/bin/python -m grpc_tools.protoc -I protos --python_out=build/protos --grpc_python_out=build/protos \
	  --pyi_out=build/protos $(PROTO_FILES)
	diff -r -x __pycache__ -x __init__.py build/protos/sqlenv/v1 sqlenv/v1 || \
	  { echo "sqlenv/v1 differs from protos/: run make protos"; exit 1; }

data: $(STAMP)  ## rebuild the bundled data set and its instances from data/sources
	$(BIN)/python -m data.build
	$(BIN)/sqlenv data build-instances data/bundled
	$(BIN)/sqlenv data check

bench: $(STAMP)  ## steps a second, beside a bare echo and raw SQLite
	$(BIN)/python -m benchmarks.steps

clean:  ## remove what was made, but not .venv
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
