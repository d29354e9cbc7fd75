# SPDX-License-Identifier: Apache-2.0
"""Tables that change while they are written: each row has the shape of its own moment, nothing is lost, and
the targets hold the new shape as soon as a row is written in it."""

import json
import random
import threading
import time

import pymysql
import pytest

from tests.integration import wait
from tests.integration.background import Background
from tests.integration.pipeline import APPLIERS, stop
from tests.integration.test_positions import each_source

ROWS = 60
# What a statement may meet while another connection alters its table: it is tried again.
PASSING = {1205, 1213, 1412, 1020}


class Writer(Background):
    """Inserts, updates and deletes rows of table a, by the two columns that it always has."""

    def __init__(self, database):
        super().__init__()
        self.connection = database.connect()
        self.statements = 0

    def close(self):
        self.connection.close()

    def work(self):
        choose = random.Random(11)
        with self.connection.cursor() as cursor:
            while not self.ended.wait(0.003):
                self._write(cursor, choose)

    def _write(self, cursor, choose):
        key, old = choose.randrange(ROWS), choose.randrange(ROWS)
        try:
            cursor.execute("INSERT INTO a (id, n) VALUES (%s, 1) ON DUPLICATE KEY UPDATE n = n + 1", key)
            cursor.execute("UPDATE a SET n = n + 1 WHERE id BETWEEN %s AND %s", (old, old + 3))
            if choose.random() < 0.2:
                cursor.execute("DELETE FROM a WHERE id = %s", old)
            self.statements += 1
        except pymysql.MySQLError as error:
            if error.args[0] not in PASSING:
                raise


def columns(database, pause_s=0.1):
    """Added, renamed, moved, changed and dropped columns; keys that are not the primary one."""
    for change in ("ADD city VARCHAR(20) DEFAULT 'Huế' FIRST", "ADD price DECIMAL(8,2), ADD day DATE",
                   "RENAME COLUMN price TO cost", "MODIFY n BIGINT UNSIGNED NOT NULL FIRST",
                   "MODIFY id BIGINT NOT NULL AFTER day", "MODIFY city TEXT CHARACTER SET utf16",
                   "ADD INDEX (n)", "DROP COLUMN day, ADD day DATETIME(3) AFTER n",
                   "MODIFY cost VARCHAR(30)", "DROP COLUMN city", "CHANGE cost price DOUBLE",
                   "CONVERT TO CHARACTER SET utf8mb4"):
        database.sql(f"ALTER TABLE a {change}")
        time.sleep(pause_s)
        database.sql("UPDATE a SET n = n + 1 WHERE id % 7 = 0")


def partitions(database):
    """Operations on partitions that leave every row in the table."""
    for change in ("PARTITION BY HASH (id) PARTITIONS 4", "ADD PARTITION PARTITIONS 2",
                   "COALESCE PARTITION 3", "REMOVE PARTITIONING",
                   "PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (20),"
                   " PARTITION p1 VALUES LESS THAN MAXVALUE)",
                   "REORGANIZE PARTITION p1 INTO (PARTITION p1 VALUES LESS THAN (40),"
                   " PARTITION p2 VALUES LESS THAN MAXVALUE)", "REMOVE PARTITIONING"):
        database.sql(f"ALTER TABLE a {change}")
        time.sleep(0.1)


def other_tables(database):
    """Tables that come and go, also under the same name in another shape."""
    for number in range(4):
        database.sql(f"CREATE TABLE b (id INT PRIMARY KEY, c{number} INT)",
                     f"INSERT INTO b VALUES (1, {number}), (2, {number})",
                     "RENAME TABLE b TO c", f"INSERT INTO c VALUES (3, {number})", "DROP TABLE c")


def online_schema_change(database):
    """As pt-online-schema-change does: triggers feed the new table, chunks fill it, one rename swaps."""
    database.sql(
        "CREATE TABLE _a_new LIKE a", "ALTER TABLE _a_new ADD by_pt INT NOT NULL DEFAULT 7 AFTER id",
        "CREATE TRIGGER a_del AFTER DELETE ON a FOR EACH ROW"
        " DELETE IGNORE FROM _a_new WHERE _a_new.id <=> OLD.id",
        "CREATE TRIGGER a_upd AFTER UPDATE ON a FOR EACH ROW BEGIN"
        " DELETE IGNORE FROM _a_new WHERE NOT (OLD.id <=> NEW.id) AND _a_new.id <=> OLD.id;"
        " REPLACE INTO _a_new (id, n) VALUES (NEW.id, NEW.n); END",
        "CREATE TRIGGER a_ins AFTER INSERT ON a FOR EACH ROW"
        " REPLACE INTO _a_new (id, n) VALUES (NEW.id, NEW.n)")
    for first in range(0, ROWS, 10):
        again(database, "INSERT LOW_PRIORITY IGNORE INTO _a_new (id, n) SELECT id, n FROM a FORCE INDEX"
                        f" (PRIMARY) WHERE id BETWEEN {first} AND {first + 9} LOCK IN SHARE MODE")
        time.sleep(0.05)
    database.sql("RENAME TABLE a TO _a_old, _a_new TO a", "DROP TABLE _a_old",
                 "DROP TRIGGER IF EXISTS a_del", "DROP TRIGGER IF EXISTS a_upd",
                 "DROP TRIGGER IF EXISTS a_ins")


def again(database, statement):
    """Until it is not in the way of another one."""
    for _ in range(20):
        try:
            return database.sql(statement)
        except pymysql.MySQLError as error:
            if error.args[0] not in PASSING:
                raise
    raise AssertionError(statement)


def ghost(database):
    """As gh-ost does: a ghost table, and a cut-over in which a rename waits behind a lock, so that no
    statement of others gets between."""
    database.sql("CREATE TABLE _a_gho LIKE a", "ALTER TABLE _a_gho ADD by_ghost TEXT, DROP COLUMN by_pt",
                 "CREATE TABLE _a_del (id INT PRIMARY KEY) COMMENT 'ghost-cut-over-sentry'")
    tool, renamer = database.connect(), database.connect()
    pid = renamer.thread_id()
    rename = threading.Thread(target=lambda: renamer.cursor().execute(
        "RENAME TABLE a TO _a_del, _a_gho TO a"))
    database.sql("LOCK TABLES a WRITE, _a_del WRITE")
    tool.cursor().executemany("INSERT INTO _a_gho (id, n) VALUES (%s, %s)",
                              database.rows("SELECT id, n FROM a"))
    rename.start()
    wait.until(lambda: is_waiting(database, pid), "the rename to wait")
    database.sql("DROP TABLE _a_del")
    time.sleep(0.3)  # until it waits for a
    database.sql("UNLOCK TABLES")
    rename.join()
    tool.close()
    renamer.close()
    database.sql("DROP TABLE _a_del")


def is_waiting(database, pid):
    found = [row for row in database.rows("SHOW PROCESSLIST") if row[0] == pid]
    return found and "metadata lock" in (found[0][6] or "")


def assert_same_rows(pipeline):
    """Every key and every n, whatever shape the copies have."""
    rows = {key: number for key, number in pipeline.database.rows("SELECT id, n FROM a")}
    assert {found["_id"]: found["n"] for found in pipeline.documents("a").find()} == rows
    assert {int(key.decode().rsplit(":", 1)[1]): int(pipeline.redis.hget(key, "n"))
            for key in pipeline.keys(f"{pipeline.name}:a:*")} == rows


def assert_own_shapes(pipeline):
    """Each record has the columns that its header says, and all shapes of the table occur."""
    shapes = set()
    for record in pipeline.topics.table("a"):
        if record.value is None:
            continue
        names = list(record.row())
        assert names == list(json.loads(record.headers["columns"])), record
        shapes.add(tuple(names))
    for shape in (("id", "n"), ("city", "id", "n"), ("city", "id", "n", "cost", "day")):
        assert shape in shapes
    assert any("by_pt" in shape for shape in shapes) and any("by_ghost" in shape for shape in shapes)


@each_source
def test_tables_change_under_load(pipeline, database):
    pipeline.options["tables"]["exclude"] = "*._*"  # what the tools make for themselves
    pipeline.options["publish"]["on_unlogged"] = "accept"
    database.sql("CREATE TABLE a (id INT PRIMARY KEY, n INT NOT NULL)",
                 "INSERT INTO a VALUES " + ", ".join(f"({number}, 0)" for number in range(ROWS)))
    publisher, *appliers = [pipeline.start_publisher(), *map(pipeline.start_applier, APPLIERS)]
    with Writer(database) as writer:
        wait.until(lambda: writer.statements > 20, "a load")
        columns(database)
        publisher.kill()
        other_tables(database)
        publisher = pipeline.start_publisher()
        partitions(database)
        online_schema_change(database)
        wait.until(lambda before=writer.statements: writer.statements > before + 20, "a load")
        ghost(database)
        wait.until(lambda before=writer.statements: writer.statements > before + 20, "a load")
    for process in (publisher, *appliers):
        stop(process)
    pipeline.publish()
    pipeline.apply()
    assert_same_rows(pipeline)
    database.sql("UPDATE a SET n = n + 1, by_ghost = 'written'")
    pipeline.publish()
    pipeline.apply()
    pipeline.assert_equal(tables="a")
    assert_own_shapes(pipeline)


def test_what_stays_behind(pipeline, database):
    """As documented: a copy has the columns of the row's last change, so a dropped column stays until
    then, and a copy of a dropped or (where that is accepted) renamed table stays."""
    pipeline.options["publish"]["on_unlogged"] = "accept"
    database.sql("CREATE TABLE t (id INT PRIMARY KEY, gone INT, n INT)",
                 "INSERT INTO t VALUES (1, 1, 1), (2, 2, 2)", "CREATE TABLE old (id INT PRIMARY KEY)",
                 "INSERT INTO old VALUES (1)", "ALTER TABLE t DROP COLUMN gone, ADD more INT DEFAULT 5",
                 "UPDATE t SET n = 3 WHERE id = 1", "RENAME TABLE old TO new", "INSERT INTO new VALUES (2)")
    pipeline.publish()
    pipeline.apply()
    assert fields(pipeline, 1) == ({"_id", "id", "n", "more"}, {"id", "n", "more"})
    assert fields(pipeline, 2) == ({"_id", "id", "gone", "n"}, {"id", "gone", "n"})
    database.sql("UPDATE t SET n = 3")
    database.sql("DROP TABLE new")
    pipeline.publish()
    pipeline.apply()
    pipeline.assert_equal(tables="t")
    assert pipeline.hash("old", 1) == {"id": "1"} and pipeline.hash("new", 2) == {"id": "2"}
    assert pipeline.documents("old").find_one({"_id": 1}) and pipeline.documents("new").find_one({"_id": 2})


def fields(pipeline, key):
    """Of the copies in MongoDB and Redis, without the guard's."""
    document = set(pipeline.documents("t").find_one({"_id": key}))
    return document - {"_tailrace"}, set(pipeline.hash("t", key)) - {"_tailrace"}
