# SPDX-License-Identifier: Apache-2.0
"""From a primary that is gone to its promoted replica, by GTID: nothing is lost or repeated; and what makes
that impossible is refused with the exact difference."""

import secrets
import time

import pytest

from tests.integration import load, wait
from tests.integration.database import Database
from tests.integration.load import Load, assert_each_change_once
from tests.integration.pair import Pair
from tests.integration.pipeline import APPLIERS, Pipeline, expect, stop
from tests.integration.test_kill import LARGE_ROWS, insert_large, rows_out
from tests.integration.test_positions import published, table_with_rows
from tests.integration.switch import Switch
from tests.integration.test_refusals import purge
from tests.lib import servers

REFUSED = 77
SMALL_ROWS = 10  # insert_large's other transactions have no more, and may be out in part too
each_kind = pytest.mark.parametrize("servers_of_kind", ["mysql", "mariadb"], indirect=True)
mostly_mysql = pytest.mark.parametrize(
    "servers_of_kind", ["mysql", pytest.param("mariadb", marks=pytest.mark.long)], indirect=True)
on_mysql = pytest.mark.parametrize("servers_of_kind", ["mysql"], indirect=True)


@pytest.fixture(scope="module")
def servers_of_kind(request, tmp_path_factory):
    """Two servers for all tests of this file with that kind."""
    pair = Pair(request.param, tmp_path_factory.mktemp("pair"))
    yield pair
    pair.close()


@pytest.fixture
def pair(servers_of_kind):
    servers_of_kind.reset()
    return servers_of_kind


class Failover(Pipeline):
    """A pipeline from the two servers; `database` is the one that takes writes now."""

    def __init__(self, pair, folder):
        name = "t" + secrets.token_hex(4)
        self.pair = pair
        super().__init__(name, Database(pair.kind, pair.primary, name), "libmariadb", folder,
                         secrets.randbelow(10**9) + 10**6)
        self.options["publish"]["start"] = "earliest"
        self.options["source"]["host"] = pair.hosts()

    def lose_primary(self):
        """The primary is killed, the replica promoted with what it has."""
        self.pair.kill_primary()
        self.pair.promote()
        self.database.admin.close()
        self.database = _Promoted(self.database, self.pair.replica)
        self.addresses["mysql"] = self.pair.replica

    def lose_primary_with_all_replicated(self):
        self.pair.wait_for_replica()
        self.lose_primary()

    def refused(self, code=REFUSED):
        """The publisher has to end with that code; returns what it said."""
        return expect(self.start_publisher("--until-caught-up"), code).log().splitlines()[-1]


class _Promoted(Database):
    """The same schema on the other server."""

    def __init__(self, former, url):
        self.kind, self.url, self.schema, self.start = former.kind, url, former.schema, former.start
        self.admin = servers.mysql(url, database=former.schema)


@pytest.fixture
def path(pair, folder):
    failover = Failover(pair, folder)
    yield failover
    failover.close()
    failover.database.admin.close()


@each_kind
def test_failover_under_load(path):
    """The publisher and the appliers run through it; the targets become equal to the new primary."""
    started = [path.start_publisher(), *map(path.start_applier, APPLIERS)]
    with Load(path.database) as before:
        wait.until(lambda: before.transactions > 100 and path.checkpoint(), "a load")
    path.lose_primary_with_all_replicated()
    with Load(path.database, is_new=False) as after:
        wait.until(lambda: after.transactions > 100 and path.hash("t", 1), "a load", pause_s=0.1)
    executed = path.database.executed()
    wait.until(lambda: path.shown()[0]["checkpoint"]["gtid"] == executed, "the publisher at the end")
    wait.until(path.is_equal, "both targets to be equal", pause_s=0.3)
    for process in started:
        stop(process)
    assert_each_change_once(path)
    assert path.checkpoint()["server"] == path.shown()[0]["source"]["server"]


@on_mysql
def test_failover_by_another_host(path, pair):
    """One host in the configuration, which is changed for the next start."""
    path.options["source"]["host"] = pair.hosts(pair.primary)
    with Load(path.database):
        path.publish()
    path.lose_primary_with_all_replicated()
    path.options["source"]["host"] = pair.hosts(pair.replica)
    with Load(path.database, is_new=False):
        path.publish()
    path.converge()
    assert_each_change_once(path)


@on_mysql
def test_failover_within_a_transaction(path):
    """A transaction is out in part: the rest of it comes from the other server."""
    path.options["publish"]["transaction_bytes"] = "256KiB"
    insert_large(path.database)
    publisher = path.start_publisher()
    wait.until(lambda: rows_out(path) > SMALL_ROWS, "rows of the large one", pause_s=0)
    publisher.kill()
    assert 0 < rows_out(path) < LARGE_ROWS
    path.lose_primary_with_all_replicated()
    path.database.sql("INSERT INTO digit VALUES (11)")
    path.publish()
    found = [record.keys()["id"] for record in path.topics.table("large")]
    assert len(found) == len(set(found)) == LARGE_ROWS


@each_kind
def test_promoted_without_what_was_published(path, pair):
    """The primary died before its replica had all that is in Kafka: refused with these transactions,
    also when the new primary has gone on."""
    load.create(path.database, 10)
    pair.wait_for_replica()
    pair.cut_off()
    had = path.database.executed()
    publisher = path.start_publisher()
    path.database.sql("UPDATE t SET n = 1", "UPDATE t SET n = 2")
    executed = path.database.executed()
    wait.until(lambda: (path.checkpoint() or {}).get("gtid") == executed, "the publisher at the end")
    path.lose_primary()
    said = expect(publisher, REFUSED).log().splitlines()[-1]
    assert_errant(path, said, had, executed)
    before = path.checkpoint()
    path.database.sql(*["UPDATE t SET n = n + 10"] * 3)
    assert_errant(path, path.refused(), had, executed)
    assert path.checkpoint()["gtid"] == before["gtid"]


def assert_errant(path, said, had, executed):
    """MySQL: the difference of the two sets. MariaDB: the last of each, as sequence numbers repeat."""
    if path.pair.kind == "mysql":
        errant = path.database.value(f"SELECT GTID_SUBTRACT('{executed}', '{had}')")
        assert f"never executed: {errant};" in said, said
    else:
        assert f"never executed: {executed} (of server_id 2 its last is {had});" in said, said


@on_mysql
def test_promoted_without_a_transaction_that_is_out_in_part(path, pair):
    path.options["publish"]["transaction_bytes"] = "256KiB"
    insert_large(path.database, rows=1)
    pair.wait_for_replica()
    pair.cut_off()
    path.database.sql("INSERT INTO large SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d,"
                      " REPEAT('y', 50) FROM digit a, digit b, digit c, digit d, digit e")
    publisher = path.start_publisher()
    wait.until(lambda: rows_out(path) > SMALL_ROWS, "rows of the large one", pause_s=0)
    publisher.kill()
    before = path.checkpoint()
    path.lose_primary()
    path.database.sql("DELETE FROM large")
    said = path.refused()
    assert f"{before['rows']} rows of the transaction {before['transaction']} are published" in said
    after = path.checkpoint()
    assert (after["gtid"], after["rows"]) == (before["gtid"], before["rows"])


@each_kind
def test_promoted_server_has_purged(path, pair):
    """What was not read yet is gone from the new primary: refused with the gap and what mends it."""
    table_with_rows(path.database, 1, 2)
    path.publish()
    table_with_rows(path.database, 3, 3)
    lost = path.database.executed()
    path.lose_primary_with_all_replicated()
    path.database.sql("FLUSH BINARY LOGS")
    table_with_rows(path.database, 4, 4)
    purge(path.database)
    said = path.refused()
    number = lost.rsplit(":", 1)[-1].rsplit("-", 1)[-1]
    assert "purged transactions that were not read yet" in said and number in said
    assert "tailrace snapshot" in said and "--to earliest" in said


@each_kind
def test_stale_primary_comes_back(path, pair):
    """First in the list, writable, and without what its successor wrote: never taken, whether that is
    published already or not, and whatever it has by itself."""
    table_with_rows(path.database, 1, 2)
    path.publish()
    path.lose_primary_with_all_replicated()
    table_with_rows(path.database, 3, 4)
    pair.restart_primary()
    path.publish()
    assert published(path) == [1, 2, 3, 4]
    pair.sql(pair.primary, f"INSERT INTO {path.name}.t VALUES (99)")
    table_with_rows(path.database, 5, 6)
    path.publish()
    assert published(path) == [1, 2, 3, 4, 5, 6]


@each_kind
def test_two_that_take_writes(path, pair):
    """Both hold what is published, and each has gone on by itself: which one counts is not ours to say."""
    table_with_rows(path.database, 1, 2)
    pair.wait_for_replica()
    path.publish()
    pair.promote()
    table_with_rows(path.database, 3, 3)
    pair.sql(pair.replica, f"INSERT INTO {path.name}.t VALUES (99)")
    said = path.refused()
    assert "it lacks transactions that 127.0.0.1:" in said and "both take writes" in said
    assert published(path) == [1, 2]


@each_kind
def test_replica_that_is_behind(path, pair):
    """First in the list and behind: the primary is taken. Alone in the list: a supervisor tries again,
    until it has caught up."""
    table_with_rows(path.database, 1, 2)
    pair.wait_for_replica()
    pair.cut_off()
    table_with_rows(path.database, 3, 4)
    path.options["source"]["host"] = pair.hosts(pair.replica, pair.primary)
    assert "reading from" in path.publish().log()
    assert published(path) == [1, 2, 3, 4]
    path.options["source"]["host"] = pair.hosts(pair.replica)
    assert "this replica has not executed" in path.refused(code=75)
    pair.sql(pair.replica, pair.words["start"])
    table_with_rows(path.database, 5, 5)
    pair.wait_for_replica()
    path.publish()
    assert published(path) == [1, 2, 3, 4, 5]


# --- while tables are copied ---------------------------------------------------------------------


def fill(database, rows):
    """A table whose first copy takes a while, as chunks are small."""
    database.sql("CREATE TABLE digit (d INT PRIMARY KEY)",
                 "INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
                 "CREATE TABLE copied (id INT PRIMARY KEY, v VARCHAR(100))",
                 "INSERT INTO copied SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d AS id,"
                 " REPEAT('x', 80) FROM digit a, digit b, digit c, digit d, digit e"
                 f" HAVING id < {rows}")


@pytest.fixture
def copying(path):
    path.database.sql(f"GRANT SELECT ON {path.name}.* TO '{path.name}'@'%'")
    path.options["tables"]["include"] = f"{path.name}.*"
    path.options["publish"] |= {"start": "snapshot", "transaction_bytes": "64KiB"}
    path.options["snapshot"] = {"pause": "1ms"}
    return path


def copied_rows(path):
    return (path.status() or [{"rows": 0}])[0]["rows"]


@mostly_mysql
def test_failover_while_tables_are_copied(copying):
    """The rest comes from the promoted server, and what changed meanwhile is right."""
    path = copying
    fill(path.database, 20000)
    publisher = path.start_publisher()
    wait.until(lambda: copied_rows(path) > 0, "the first rows", pause_s=0)
    path.database.sql("UPDATE copied SET v = 'before' WHERE id % 1000 = 0",
                      "DELETE FROM copied WHERE id % 1000 = 1")
    path.lose_primary_with_all_replicated()
    rows = copied_rows(path)
    path.database.sql("UPDATE copied SET v = 'after' WHERE id % 1000 = 500",
                      "UPDATE copied SET id = id + 100000 WHERE id % 1000 = 2")
    wait.until(lambda: path.status()[0]["phase"] == "done", "the end of the copy")
    stop(publisher)
    assert 0 < rows < 20000, "it was through before the primary was lost"
    path.converge()


@mostly_mysql
def test_promoted_without_what_was_copied(copying, pair):
    """Rows that were copied show a transaction which the stream has not reached, and which died with the
    primary: refused, as what is published."""
    path = copying
    fill(path.database, 20000)
    path.options["publish"]["transaction_bytes"] = "1KiB"  # there is time to come between
    publisher = path.start_publisher()
    wait.until(lambda: copied_rows(path) > 0, "the first rows", pause_s=0)
    publisher.kill()
    path.database.sql("CREATE TABLE large (id INT PRIMARY KEY, v VARCHAR(100))")
    for number in range(10):  # between these is time for a chunk
        path.database.sql(f"UPDATE copied SET v = 'old' WHERE id = {number}")
    pair.wait_for_replica()
    pair.cut_off()
    path.database.sql("SET autocommit = 0", "UPDATE copied SET v = 'lost' WHERE id > 15000",
                      "INSERT INTO large SELECT id * 10 + a.d, v FROM copied, digit a",
                      "COMMIT", "SET autocommit = 1")
    publisher = path.start_publisher()
    wait.until(lambda: path.checkpoint().get("shown"), "a chunk", pause_s=0)
    publisher.kill()
    executed, had = path.database.executed(), pair.executed(pair.replica)
    path.lose_primary()
    said = path.refused()
    assert "rows of a snapshot that are published show transactions" in said
    assert_errant(path, said, had, executed)


@each_kind
def test_copied_from_a_replica_that_is_behind(copying, pair):
    """Behind one address stand both: the copy comes from the other server, but not before that has all
    that the stream has passed."""
    path = copying
    fill(path.database, 1000)
    pair.wait_for_replica()
    ports = {name: servers.mysql_address(url)["port"]
             for name, url in (("primary", pair.primary), ("replica", pair.replica))}
    path.options["publish"]["start"] = "latest"
    with Switch(ports["primary"]) as switch:
        path.options["source"]["host"] = f"127.0.0.1:{switch.port}"
        publisher = path.start_publisher()
        publisher.wait_for("started")
        pair.cut_off()
        path.database.sql("UPDATE copied SET v = 'new'")
        executed = path.database.executed()
        wait.until(lambda: path.checkpoint()["gtid"] == executed, "the stream")
        switch.target = ports["replica"]
        path.command("snapshot", f"{path.name}.copied")
        wait.until(path.status, "the command")
        time.sleep(1)
        assert path.status()[0]["rows"] == 0
        pair.sql(pair.replica, pair.words["start"])
        wait.until(lambda: path.status()[0]["phase"] == "done", "the copy")
        stop(publisher)
    read = [change["after"]["v"] for change in path.topics.changes(f"{path.name}.copied")
            if change["op"] == "r"]
    assert read == ["new"] * 1000
