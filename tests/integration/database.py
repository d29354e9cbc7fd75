# SPDX-License-Identifier: Apache-2.0
"""The source of one test: a schema and an account of its own on MySQL or MariaDB."""

from contextlib import contextmanager

from tests.lib import servers

RIGHTS = {"mysql": "REPLICATION SLAVE, REPLICATION CLIENT",
          "mariadb": "REPLICATION SLAVE, BINLOG MONITOR"}
PASSWORD = "it's a # pass word"


class Database:
    """`schema` is also the account's name; `url` is an administrator's. `start` is the GTID set that was
    executed when the schema was there."""

    def __init__(self, kind, url, schema):
        self.kind, self.url, self.schema = kind, url, schema
        self.admin = servers.mysql(url)
        self.create_user(schema, RIGHTS[kind])
        self.sql(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
        self.admin.select_db(schema)
        self.start = self.executed()

    def close(self):
        """Removes all that was made; the connection may have been lost in the meantime."""
        self.reconnect()
        self.sql(f"DROP DATABASE IF EXISTS {self.schema}")
        for user, in self.rows("SELECT user FROM mysql.user WHERE user LIKE %s", f"{self.schema}%"):
            self.sql(f"DROP USER '{user}'@'%'")
        self.admin.close()

    def reconnect(self):
        """The administrator's connection again, after the server was away."""
        self.admin.close()
        self.admin = servers.mysql(self.url)
        if self.rows("SHOW DATABASES LIKE %s", self.schema):
            self.admin.select_db(self.schema)

    def create_user(self, name, rights, more=""):
        """An account with PASSWORD; `more` follows IDENTIFIED BY, such as REQUIRE SSL."""
        with self.admin.cursor() as cursor:
            cursor.execute(f"CREATE USER '{name}'@'%%' IDENTIFIED BY %s {more}", (PASSWORD,))
            cursor.execute(f"GRANT {rights} ON *.* TO '{name}'@'%'")

    def connect(self, **options):
        """Another connection, into the schema."""
        return servers.mysql(self.url, database=self.schema, **options)

    def sql(self, *statements):
        """Runs them one by one, each committed by itself unless the session says otherwise."""
        with self.admin.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query, *arguments):
        with self.admin.cursor() as cursor:
            cursor.execute(query, arguments or None)
            return cursor.fetchall()

    def value(self, query):
        return self.rows(query)[0][0]

    def executed(self):
        """The GTID set of all that is committed."""
        variable = "gtid_executed" if self.kind == "mysql" else "gtid_binlog_pos"
        return self.value(f"SELECT @@GLOBAL.{variable}").replace("\n", "")

    def position(self):
        """FILE:POS of the end of the binlog."""
        statement = "SHOW BINARY LOG STATUS" if self.kind == "mysql" else "SHOW MASTER STATUS"
        file, pos = self.rows(statement)[0][:2]
        return f"{file}:{pos}"

    def binlog_files(self):
        return [row[0] for row in self.rows("SHOW BINARY LOGS")]

    def now(self):
        """The server's clock, as ISO 8601 in UTC."""
        return self.value("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')")

    @contextmanager
    def setting(self, name, value):
        """A global variable with another value for a while. Only what connects meanwhile sees it."""
        before = self.value(f"SELECT @@GLOBAL.{name}")
        self.sql(f"SET GLOBAL {name} = {value}")
        try:
            yield
        finally:
            with self.admin.cursor() as cursor:
                cursor.execute(f"SET GLOBAL {name} = %s", (before,))
