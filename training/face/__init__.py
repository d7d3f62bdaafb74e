# SPDX-License-Identifier: GPL-3.0-or-later
"""How the network that reads expressions is made: heads, their pictures, what the face graph says of them."""
