# SPDX-License-Identifier: Apache-2.0
"""A primary and its replica, in a stack of their own, so that a test may kill and promote them."""

import os

from tests.integration import wait
from tests.lib import servers, stack

PORTS_FURTHER = 50  # than those of the stack that the tests run on
# What MySQL and MariaDB say differently.
WORDS = {
    "mysql": {"change": "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {port},"
                        " SOURCE_USER = 'root', SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1",
              "start": "START REPLICA", "stop": "STOP REPLICA", "forget": "RESET REPLICA ALL",
              "empty": ["RESET BINARY LOGS AND GTIDS"]},
    "mariadb": {"change": "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port},"
                          " MASTER_USER = 'root', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1",
                "start": "START SLAVE", "stop": "STOP SLAVE", "forget": "RESET SLAVE ALL",
                "empty": ["RESET MASTER", "SET GLOBAL gtid_slave_pos = ''"]},
}


class Pair:
    """`primary` and `replica` are URLs; the servers run from start() to close()."""

    def __init__(self, kind, folder):
        self.kind, self.words = kind, WORDS[kind]
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("TAILRACE_TEST_")}
        base = int(os.environ.get("TAILRACE_PORT_BASE", "21000")) + PORTS_FURTHER
        self.environment |= {"TAILRACE_PORT_BASE": str(base), "TAILRACE_STACK_DIR": str(folder)}
        self._stack("start", kind, f"{kind}-replica")
        self.primary, self.replica = (stack.address(name, self.environment)
                                      for name in (kind, f"{kind}-replica"))

    def close(self):
        self._stack("clean")

    def reset(self):
        """As at the beginning: both empty, the replica follows."""
        self._stack("start", self.kind, f"{self.kind}-replica")
        for url in (self.replica, self.primary):
            self.sql(url, self.words["stop"], self.words["forget"], "SET GLOBAL read_only = OFF")
            for schema, in self.sql(url, "SHOW DATABASES LIKE 't%'"):
                self.sql(url, f"DROP DATABASE {schema}")
            for user, in self.sql(url, "SELECT user FROM mysql.user WHERE user LIKE 't%'"):
                self.sql(url, f"DROP USER '{user}'@'%'")
            self.sql(url, *self.words["empty"])
        self.follow()

    def follow(self):
        """The replica follows the primary from where it stands."""
        self.sql(self.replica, "SET GLOBAL read_only = ON",
                 self.words["change"].format(port=servers.mysql_address(self.primary)["port"]),
                 self.words["start"])

    def cut_off(self):
        """The replica gets nothing more."""
        self.sql(self.replica, self.words["stop"])

    def wait_for_replica(self):
        """Until it has what the primary has now."""
        wait.until(lambda: self.executed(self.primary) == self.executed(self.replica), "the replica")

    def kill_primary(self):
        self._stack("kill", self.kind)

    def restart_primary(self):
        self._stack("start", self.kind)

    def promote(self):
        """From now on the replica takes writes and follows nobody."""
        self.sql(self.replica, self.words["stop"], self.words["forget"], "SET GLOBAL read_only = OFF")

    def executed(self, url):
        variable = "gtid_executed" if self.kind == "mysql" else "gtid_binlog_pos"
        return self.sql(url, f"SELECT @@GLOBAL.{variable}")[0][0].replace("\n", "")

    def hosts(self, *urls):
        """The value of [source] host for these servers."""
        found = [servers.mysql_address(url) for url in urls or (self.primary, self.replica)]
        return ", ".join(f"{address['host']}:{address['port']}" for address in found)

    @staticmethod
    def sql(url, *statements):
        """Runs them; returns the rows of the last."""
        connection = servers.mysql(url)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()

    def _stack(self, *arguments):
        stack.call(*arguments, environment=self.environment)
