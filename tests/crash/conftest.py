# SPDX-License-Identifier: Apache-2.0
"""The fixtures and the closing line are those of the integration tests."""

# pylint: disable=unused-import
from tests.integration.conftest import (client, database, figures, folder, pipeline,
                                        pytest_runtest_makereport, pytest_sessionfinish,
                                        pytest_terminal_summary, pytest_unconfigure, source)


def pytest_configure(config):
    config.addinivalue_line("markers", "long: not in `make test`")
    config.addinivalue_line("markers", "own: of tests whose helpers are used here")
