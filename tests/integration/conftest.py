# SPDX-License-Identifier: Apache-2.0
"""Fixtures: each test has a source name, schema, account, topics, consumer groups, MongoDB database and Redis
keys of its own and leaves none of them behind. Files lie in build/integration/<test> and stay there only
when the test fails.

A test takes `pipeline`; parametrize `source` ("mysql", "mariadb") and `client` ("libmariadb",
"libmysqlclient") indirectly where another than the first of each is meant.
"""

import os
import re
import secrets
import shutil

import pytest

from tests.integration.database import Database
from tests.integration.pipeline import Pipeline
from tests.lib import programs, servers

FOLDER = programs.ROOT / "build/integration"


@pytest.fixture
def source(request):
    """The kind of source server."""
    return getattr(request, "param", "mysql")


@pytest.fixture
def client(request):
    """The MySQL client library of the publisher."""
    return getattr(request, "param", "libmariadb")


@pytest.fixture
def folder(request):
    """An empty directory of the test, which is removed if it passed."""
    path = FOLDER / re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    yield path
    if request.node.stash.get(FAILED, False):
        print(f"logs: {path}")
    else:
        shutil.rmtree(path)


@pytest.fixture
def pipeline(source, client, folder):
    """The test's own path from the source to the targets."""
    name = "t" + secrets.token_hex(4)
    database = Database(source, servers.address(source), name)
    path = Pipeline(name, database, client, folder, server_id=secrets.randbelow(10**9) + 10**6)
    yield path
    path.close()
    database.close()


@pytest.fixture
def database(pipeline):
    return pipeline.database


@pytest.fixture
def figures(request):
    """A function that keeps a line for the end of the run."""
    return lambda line: request.node.user_properties.append(("figure", line))


# --- tests that stop or damage a server, or look inside its files, need one of the stack's own --------


def pytest_configure(config):
    config.addinivalue_line("markers", "own(server, …): the servers that have to be the stack's own; "
                                       "source: the test's source")
    config.addinivalue_line("markers", "long: not in `make test`")


def pytest_collection_modifyitems(config, items):
    own = set(os.environ.get("TAILRACE_TEST_OWN", "").split())
    left_out = [item for item in items if not _needs(item) <= own]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _needs(item):
    marker = item.get_closest_marker("own")
    params = item.callspec.params if hasattr(item, "callspec") else {}
    names = {"source": params.get("source", "mysql")}
    return {names.get(name, name) for name in marker.args} if marker else set()


# --- the report: whether a test failed, the figures, and the closing line ---------------------------

FAILED = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.outcome != "passed":
        item.stash[FAILED] = True


def pytest_terminal_summary(terminalreporter):
    figures = [f"{report.nodeid.split('::')[-1]}: {value}"
               for report in terminalreporter.getreports("passed") if report.when == "call"
               for name, value in report.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.line(line)


def pytest_sessionfinish(session):
    """A test that was skipped, or that did not even start, has failed."""
    if session.exitstatus == pytest.ExitCode.OK and _counts(session.config)[1]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config):
    passed, failed = _counts(config)
    print(f"{passed} passed, {failed} failed")


def _counts(config):
    stats = config.pluginmanager.get_plugin("terminalreporter").stats
    passed = len(stats.get("passed", []))
    failed = sum(len(stats.get(outcome, []))
                 for outcome in ("failed", "error", "skipped", "xfailed", "xpassed"))
    return passed, failed if passed else max(failed, 1)
