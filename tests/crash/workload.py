# SPDX-License-Identifier: Apache-2.0
"""The load of the storm: four writers, one who alters a table and one who empties another, each with a connection and a random
sequence of its own, until told to end. The server goes away under them: a statement that failed is not
repeated, as the binlog says what took place.

    account   a small table: inserts, updates, deletes, changes of the key, JSON (in part on MySQL)
    entry     a key of two columns, transactions over both tables
    bulk      few large transactions
    shape     gets columns added, dropped, renamed, moved and changed
    brief     is truncated, and dropped and made anew; entry is truncated now and then
    fixed     written once, before the storm: nothing may happen to it
"""

import random
import threading
import time

import pymysql

from tests.lib import servers

ROWS = 300  # keys of the small tables
PAUSE_S = 0.02  # between a writer's transactions
AWAY_S = 0.3  # before another try to connect
LOCK_WAIT_S = 3
NO_SUCH_TABLE = 1146
BRIEF = "CREATE TABLE brief (id INT PRIMARY KEY, n BIGINT NOT NULL, note VARCHAR(40))"
TABLES = f"""
CREATE TABLE account (id INT PRIMARY KEY, n BIGINT NOT NULL, name VARCHAR(60), price DECIMAL(12,2), doc JSON)
CREATE TABLE entry (region VARCHAR(20) NOT NULL, id INT NOT NULL, n BIGINT NOT NULL, note TEXT,
    PRIMARY KEY (id, region))
CREATE TABLE bulk (id INT PRIMARY KEY, n BIGINT NOT NULL, filler VARCHAR(200))
CREATE TABLE shape (id INT PRIMARY KEY, n BIGINT NOT NULL, extra INT, word VARCHAR(20))
CREATE TABLE fixed (id INT PRIMARY KEY, n BIGINT NOT NULL, name VARCHAR(60))
{BRIEF}
INSERT INTO brief VALUES (0, 0, 'from the beginning')
CREATE TABLE digit (d INT PRIMARY KEY)
INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)
INSERT INTO fixed SELECT a.d * 10 + b.d, 7, REPEAT('ế', b.d) FROM digit a, digit b
INSERT INTO shape SELECT a.d * 10 + b.d, 0, a.d, 'w' FROM digit a, digit b
"""
ALTERATIONS = [
    "ADD COLUMN c{0} INT", "ADD COLUMN c{0} VARCHAR(30) FIRST", "ADD COLUMN c{0} DECIMAL(8,3) AFTER id",
    "DROP COLUMN {1}", "DROP COLUMN {1}", "RENAME COLUMN {1} TO c{0}", "MODIFY COLUMN n BIGINT NOT NULL FIRST",
    "MODIFY COLUMN n BIGINT NOT NULL AFTER id", "MODIFY COLUMN extra BIGINT", "MODIFY COLUMN extra INT",
    "MODIFY COLUMN word VARCHAR(300)", "MODIFY COLUMN word TEXT"]


class Workload:
    """A context manager; `bulk_rows` is the size of the large transactions."""

    def __init__(self, kind, url, schema, seed, bulk_rows):
        self.kind, self.url, self.schema = kind, url, schema
        self.bulk_rows = bulk_rows
        self.ended = threading.Event()
        self.transactions = self.failures = self.emptied = 0
        self.unexpected = []
        self.lock = threading.Lock()
        jobs = [self._account, self._account, self._entry, self._bulk, self._shape, self._brief]
        self.threads = [threading.Thread(target=self._run, daemon=True,
                                         args=(job, random.Random(f"{seed}:{number}")))
                        for number, job in enumerate(jobs)]

    def create(self):
        """The schema and its tables."""
        connection = servers.mysql(self.url)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {self.schema} CHARACTER SET utf8mb4")
            cursor.execute(f"USE {self.schema}")
            for statement in TABLES.strip().replace("\n    ", " ").split("\n"):
                cursor.execute(statement)
        connection.close()

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Ends the writers."""
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def settle(self):
        """Writes each row once more: an altered column shows in the copy of a row when it is written."""
        connection = servers.mysql(self.url, database=self.schema)
        with connection.cursor() as cursor:
            cursor.execute(BRIEF.replace("TABLE", "TABLE IF NOT EXISTS"))
            for table in ("account", "entry", "bulk", "shape", "brief"):
                cursor.execute(f"UPDATE {table} SET n = n + 1")
        connection.close()

    # --- a writer -------------------------------------------------------------------------------

    def _run(self, job, rng):
        connection = None
        while not self.ended.wait(PAUSE_S):
            try:
                connection = connection or self._connect()
                with connection.cursor() as cursor:
                    job(cursor, rng)
                connection.commit()
                self._count(True)
            except pymysql.MySQLError as error:
                self._count(False)
                connection = self._after(error, connection)
            except Exception as error:  # shown by the storm
                self.unexpected.append(repr(error))
                return

    def _connect(self):
        connection = servers.mysql(self.url, database=self.schema, autocommit=False,
                                   connect_timeout=5, read_timeout=30, write_timeout=30)
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_S},"
                           f" lock_wait_timeout = {LOCK_WAIT_S}")
        return connection

    def _after(self, error, connection):
        """The same connection if it still works, else None after a while."""
        if connection is not None:
            try:
                connection.rollback()
                return connection
            except (pymysql.MySQLError, OSError):
                connection._force_close()
        self.ended.wait(AWAY_S)
        return None

    def _count(self, done):
        with self.lock:
            self.transactions += done
            self.failures += not done

    # --- what they write ------------------------------------------------------------------------

    def _account(self, cursor, rng):
        for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
            self._account_statement(cursor, rng)
        if rng.random() < 0.05:
            cursor.connection.rollback()

    def _account_statement(self, cursor, rng):
        key, kind = rng.randrange(ROWS), rng.random()
        if kind < 0.3:
            cursor.execute("REPLACE INTO account VALUES (%s, 0, %s, %s, %s)",
                           (key, rng.choice((None, "", "Huế", "a'b\\c")), rng.randrange(10**6) / 100,
                            '{"n": 0, "list": [1, "hai", null], "text": "' + "x" * 60 + '"}'))
        elif kind < 0.6:
            cursor.execute("UPDATE account SET n = n + 1, name = CONCAT('name ', n)"
                           " WHERE id BETWEEN %s AND %s", (key, key + rng.randrange(8)))
        elif kind < 0.75:
            self._set_partial(cursor, rng)
            cursor.execute("UPDATE account SET doc = JSON_SET(doc, '$.n', n + 1), n = n + 1"
                           " WHERE id BETWEEN %s AND %s", (key, key + 5))
        elif kind < 0.9:
            cursor.execute("UPDATE IGNORE account SET id = %s, n = n + 1 WHERE id = %s",
                           (rng.randrange(ROWS), key))
        else:
            cursor.execute("DELETE FROM account WHERE id BETWEEN %s AND %s", (key, key + rng.randrange(5)))

    def _set_partial(self, cursor, rng):
        if self.kind == "mysql":
            cursor.execute("SET SESSION binlog_row_value_options = %s",
                           (rng.choice(("PARTIAL_JSON", "")),))

    def _entry(self, cursor, rng):
        if rng.random() < 0.003:
            self._empty(cursor, "TRUNCATE TABLE entry")
            return
        region, number = rng.choice(("Huế", "Hà Nội", "Cà Mau", "a:b%")), rng.randrange(ROWS)
        kind = rng.random()
        if kind < 0.5:
            cursor.execute("INSERT INTO entry VALUES (%s, %s, 0, %s)"
                           " ON DUPLICATE KEY UPDATE n = n + 1, region = VALUES(region)",
                           (region, number, "note " * rng.randrange(40)))
            cursor.execute("UPDATE account SET n = n + 1 WHERE id = %s", (number,))
        elif kind < 0.7:
            cursor.execute("UPDATE IGNORE entry SET region = %s, n = n + 1 WHERE id BETWEEN %s AND %s",
                           (region, number, number + 4))
        elif kind < 0.9:
            cursor.execute("UPDATE entry SET note = IF(n MOD 3 = 0, NULL, REPEAT('y', n MOD 500)), n = n + 1"
                           " WHERE id BETWEEN %s AND %s", (number, number + 20))
        else:
            cursor.execute("DELETE FROM entry WHERE id = %s", (number,))

    def _bulk(self, cursor, rng):
        """Insert, update and delete of many rows, each in one transaction; then a rest."""
        start = rng.randrange(3) * self.bulk_rows
        kind = rng.random()
        if kind < 0.5:
            cursor.execute("REPLACE INTO bulk SELECT %s + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d"
                           " AS id, 0, REPEAT('z', 20 + a.d * 10) FROM digit a, digit b, digit c, digit d, digit e"
                           " HAVING id < %s", (start, start + self.bulk_rows))
        elif kind < 0.8:
            cursor.execute("UPDATE bulk SET n = n + 1 WHERE id BETWEEN %s AND %s",
                           (start, start + self.bulk_rows // 2))
        else:
            cursor.execute("DELETE FROM bulk WHERE id BETWEEN %s AND %s",
                           (start, start + self.bulk_rows // 3))
        cursor.connection.commit()
        self.ended.wait(rng.uniform(1, 6))

    def _shape(self, cursor, rng):
        if rng.random() < 0.03:
            cursor.execute("SHOW COLUMNS FROM shape")
            added = [row[0] for row in cursor.fetchall() if row[0].startswith("c")] or ["c0"]
            alteration = rng.choice(ALTERATIONS).format(rng.randrange(1000), rng.choice(added))
            cursor.execute("ALTER TABLE shape " + alteration)
            return
        cursor.execute("UPDATE shape SET n = n + 1, word = %s, extra = %s WHERE id BETWEEN %s AND %s",
                       (rng.choice((None, "tiếng", "w" * 20)), rng.randrange(1000), rng.randrange(100),
                        rng.randrange(100)))
        cursor.execute("REPLACE INTO shape (id, n) VALUES (%s, 0)", (rng.randrange(100),))

    def _empty(self, cursor, statement):
        cursor.execute(statement)
        with self.lock:
            self.emptied += 1

    def _brief(self, cursor, rng):
        """The server may have gone between the drop and the making anew."""
        kind, first = rng.random(), rng.randrange(ROWS)
        try:
            if kind < 0.01:
                self._empty(cursor, "TRUNCATE TABLE brief")
            elif kind < 0.015 and self.kind == "mariadb":
                self._empty(cursor, BRIEF.replace("CREATE", "CREATE OR REPLACE"))
            elif kind < 0.02:
                self._empty(cursor, "DROP TABLE brief")
                cursor.execute(BRIEF)
            elif kind < 0.8:
                values = ", ".join(f"({number}, 0, 'brief')" for number in range(first, first + rng.randrange(1, 30)))
                cursor.execute(f"INSERT INTO brief VALUES {values} ON DUPLICATE KEY UPDATE n = n + 1")
            else:
                cursor.execute("DELETE FROM brief WHERE id BETWEEN %s AND %s", (first, first + 20))
        except pymysql.ProgrammingError as error:
            if error.args[0] != NO_SUCH_TABLE:
                raise
            cursor.execute(BRIEF)
