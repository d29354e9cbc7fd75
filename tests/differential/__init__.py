# SPDX-License-Identifier: Apache-2.0
"""Random tables and statements on the live servers; what tailrace-cat replays must equal SELECT."""
