# SPDX-License-Identifier: Apache-2.0
"""Two minutes of storm: one that is the same every time, and one that is new. `make crash` runs longer."""

import random

from tests.crash import storm

FIXED_SEED = 20261121
SECONDS = 60
SHORT_S = 15


def test_fixed_seed(figures):
    figures(storm.run(storm.Options(FIXED_SEED, SECONDS)))


def test_random_seed(figures):
    """On MariaDB; the seed is in the figures, or in the failure."""
    seed = random.SystemRandom().randrange(10**6)
    figures(storm.run(storm.Options(seed, SECONDS, source="mariadb")))


def test_at_least_once(figures):
    seed = random.SystemRandom().randrange(10**6)
    figures(storm.run(storm.Options(seed, SHORT_S, delivery="at-least-once")))
