# `make demo` and `make test` do all the set-up on a machine with Python 3.11 or newer and make.

VENV := .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
WORKERS ?= 2

.PHONY: demo test test-all check lint native emulation clean

demo: $(VENV)/.installed  ## export MobileNetV2 to int8, verify it and bench it here
	mkdir -p demo
	cd demo && ../$(BIN)/edgeconv export mobilenet_v2 --int8 --force
	cd demo && ../$(BIN)/edgeconv parity mobilenet_v2
	cd demo && ../$(BIN)/edgeconv bench mobilenet_v2 --runs 30 --processes 3

test: $(VENV)/.installed-test  ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST)

test-all: test  ## the tests, then every net in full: an hour of two cores or more
	$(BIN)/python benchmarks/zoo.py

check: lint test  ## ruff, mypy, import layers, tests

lint: $(VENV)/.installed-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch comes first and alone: it decides between the CPU and the CUDA build for everything after it.
$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt torch
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) install --constraint constraints.txt --editable '.[test]'
	touch $@

$(VENV)/.installed-check: $(VENV)/.installed-test
	$(PIP) install --constraint constraints.txt --editable '.[check]'
	touch $@

native: $(VENV)/.installed  ## compile the agent for phones and boards without Python
	$(BIN)/python -m edgeconv.devices.agent.native.build aarch64

# The commands that `edgeconv devices start` asks for where something is missing. As root, on Debian:
# binfmt_misc comes first, so that the packages register QEMU with it.
EMULATION := adb binfmt-support debian-archive-keyring gcc gcc-aarch64-linux-gnu \
	libc6-dev-arm64-cross libstdc++6-arm64-cross mmdebstrap openssh-client openssh-server \
	qemu-user qemu-user-static

emulation:  ## (as root) install what emulated devices need from this machine
	test -e /proc/sys/fs/binfmt_misc/register || \
		mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(EMULATION)
	update-binfmts --enable qemu-aarch64

clean:  ## remove what the targets made
	rm -rf $(VENV) demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache
