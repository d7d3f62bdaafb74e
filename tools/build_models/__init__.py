# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `inference/data/models/*.onnx` out of the graphs in a pinned PyPI wheel.

    python -m rotocap.tools.build_models

The steps, one file each: `wheel` fetches the archive by its hash, `tflite_reader` reads a
graph out of it, `onnx_writer` writes the same arithmetic as ONNX, `check` compares the two
on random and on real pictures and refuses what differs, `card` says what was made.
"""
