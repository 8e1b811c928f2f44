# SPDX-License-Identifier: GPL-2.0-or-later
# The clock shim, its launcher and their tests.
