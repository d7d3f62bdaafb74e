# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a capture is and what memory it takes: `make bench`."""
