# SPDX-License-Identifier: Apache-2.0
"""Everything is killed, stopped, cut off and filled up, and still each change arrives exactly once."""
