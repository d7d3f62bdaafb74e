# SPDX-License-Identifier: GPL-3.0-or-later
"""People over time: who is where in each frame, and who is who over the whole take."""
