# SPDX-License-Identifier: Apache-2.0
"""The whole path on real servers: tests/integration/run.sh."""
