# SPDX-License-Identifier: GPL-3.0-or-later
# Every target sets up what it needs in build/ and nothing outside of it.
VENV := build/venv
PY := $(VENV)/bin/python
ROTOCAP := $(VENV)/bin/rotocap
SAMPLE := tests/data/sample/sample.mp4
VIDEO ?= $(SAMPLE)
PYTEST_ARGS ?=
# Which Debian the window is in: trixie has Blender 4.3 and Python 3.13, sid the newest (5.2, 3.14).
export GUI_SUITE ?= trixie
GUI_PYTHON_trixie := 3.13
GUI_PYTHON_sid := 3.14
GUI_ZIP = $(PY) -m rotocap.tools.build_extension --platform linux-x64 --python $(GUI_PYTHON_$(GUI_SUITE)) \
	--out build/gui-zip-$(GUI_SUITE)
export BLENDER_USER_RESOURCES ?= $(CURDIR)/build/blender_user

.PHONY: help demo test test-all test-gui bench-gui docs-images lint models extension eval train bench setup clean

help: ## say what can be made (this)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Options: VIDEO=clip.mp4 (demo), PYTHON=/path/to/python3.11 (set-up), PYTEST_ARGS='-k name -x' (test)"

demo: models ## capture the sample clip, or VIDEO=clip.mp4, into build/demo: take, .blend, picture
	@$(PY) -m rotocap.tools.demo "$(VIDEO)"

models: ## build the ONNX models into inference/data/models
	@tools/setup.sh runtime build
	@$(PY) -m rotocap.tools.build_models

setup: ## build/venv with everything that the tests need
	@tools/setup.sh runtime build test reference

test: setup lint models ## lint, then all tests but the real window
	@$(PY) -m pytest $(PYTEST_ARGS)

test-all: test ## the tests in Blender on 4.2 and 5.0 as well (bpy wheels, 0.5 GB each)
	@for version in 4.2 5.0; do \
		VENV=build/venv-blender-$$version tools/setup.sh blender-$$version && \
		echo "Blender $$version" && \
		build/venv-blender-$$version/bin/python -m pytest tests/blender $(PYTEST_ARGS) || exit 1; \
	done

test-gui: models ## drive the add-on in a real window (Debian's Blender in a chroot; needs root)
	@$(GUI_ZIP)
	@tools/gui_chroot.sh

docs-images: test-gui ## renew the pictures of the window in docs/images
	@cp build/gui/docs/*.jpg docs/images/

bench-gui: models ## how the window feels: ticks, first pose, scrubbing, cancel, into build/bench_gui.json
	@$(GUI_ZIP)
	@tools/gui_chroot.sh --bench

lint: setup ## ruff, and mypy --strict on the cores and the command line
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@MYPYPATH=build/typing $(VENV)/bin/mypy -p rotocap.inference -p rotocap.retarget -p rotocap.correct -p rotocap.cli

extension: models ## one zip a platform into dist/
	@$(PY) -m rotocap.tools.build_extension

eval: models ## accuracy on the sample and on the clips, into build/eval.json
	@tools/setup.sh runtime build test reference
	@$(PY) -m rotocap.tools.evaluate

train: setup ## train the lift network for at most three hours, or go on, into build/training/lift
	@$(PY) -m rotocap.training.train

bench: models ## speed and memory, into build/bench.json
	@$(PY) -m rotocap.tools.benchmark

clean: ## remove what was built, but keep the environments and the fetched wheels
	@find build -mindepth 1 -maxdepth 1 ! -name 'venv*' ! -name wheels ! -name typing -exec rm -rf {} +
	@rm -rf dist inference/data/models/*.onnx
