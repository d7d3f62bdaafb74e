# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a capture is: `make eval`, or python -m rotocap.tools.evaluate --help."""
