# SPDX-License-Identifier: GPL-3.0-or-later
"""How the lift network is made: motion, synthetic pictures of it, model, training, export. Needs torch."""
