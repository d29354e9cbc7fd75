#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [--seconds 30] [--seed N] [--rounds N]: see differential.py. The servers' addresses are in the environment.
set -u
cd "$(dirname "$0")/../.." || exit 1
exec env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m tests.differential.differential "$@"
