# SPDX-License-Identifier: Apache-2.0
"""The load of the demo: a thread that changes the tables as an application would, in many small
transactions, the same sequence in every run (how far it comes depends on the machine)."""

import json
import random
import threading
import time

from tests.lib import servers

SEED = 63
PEOPLE, VISITS = 150000, 60000
PAUSE_SECONDS = 0.002  # leaves the machine some time for what is being shown
MOVED = 1000000  # added to the id of people whose key changes
JOBS = ("nông dân", "giáo viên", "kỹ sư", "bác sĩ", "công nhân", "buôn bán")
NAMES = ("Nguyễn Thị Minh Khai", "Trần Đại Nghĩa", "Lê Quý Đôn", "Phạm Tuân", "Hồ Xuân Hương")


class Load(threading.Thread):
    """Runs from start() to finish(). `rows` and `transactions` count what was committed."""

    def __init__(self, mysql_url):
        super().__init__(daemon=True)
        self.connection = servers.mysql(mysql_url, database="vietnam", autocommit=False)
        self.random = random.Random(SEED)
        self.finished = threading.Event()
        self.rows = self.transactions = 0
        self.error = None

    def run(self):
        changes = (self.insert, self.insert, self.earn, self.earn, self.earn, self.describe,
                   self.describe, self.delete, self.pay, self.postpone, self.move, self.forget,
                   self.undo)
        try:
            while not self.finished.is_set():
                with self.connection.cursor() as cursor:
                    rows = self.random.choice(changes)(cursor)
                self.connection.commit()
                self.rows += rows
                self.transactions += rows > 0
                time.sleep(PAUSE_SECONDS)
        except Exception as error:  # told by finish(), in the thread that asks
            self.error = error

    def finish(self):
        """Ends the load; raises what went wrong in it."""
        self.finished.set()
        self.join()
        self.connection.close()
        if self.error:
            raise self.error

    def insert(self, cursor):
        """A family moves in."""
        province = self._province(cursor)
        return cursor.executemany(
            "INSERT INTO people (name, sex, born, province, district, income, attributes)"
            " VALUES (%s, %s, %s, %s, 1, %s, %s)",
            [(self.random.choice(NAMES), self.random.choice(("nữ", "nam")),
              f"{self.random.randint(1950, 2025)}-02-28", province,
              f"{self.random.randint(0, 10**9) / 100:.2f}",
              json.dumps({"nghề": self.random.choice(JOBS), "con": self.random.randint(0, 5),
                          "điểm": self.random.random()}))
             for _ in range(self.random.randint(1, 6))])

    def earn(self, cursor):
        """A raise for some neighbours."""
        person = self._person()
        return cursor.execute("UPDATE people SET income = income * 1.07 + 1"
                              " WHERE id BETWEEN %s AND %s", (person, person + 9))

    def describe(self, cursor):
        """Something in the JSON document changes."""
        return cursor.execute("UPDATE people SET attributes = JSON_SET(attributes, '$.con', %s,"
                              " '$.\"ghi chú\"', %s) WHERE id = %s",
                              (self.random.randint(0, 9), "đã gặp 🌾", self._person()))

    def delete(self, cursor):
        """Somebody moves away, with all visits."""
        person = self._person()
        return (cursor.execute("DELETE FROM visits WHERE person = %s", (person,)) +
                cursor.execute("DELETE FROM people WHERE id = %s", (person,)))

    def pay(self, cursor):
        """A new visit, or what it cost if it is there already."""
        return cursor.execute("INSERT INTO visits VALUES (%s, NOW(3), %s, %s, NULL)"
                              " ON DUPLICATE KEY UPDATE paid = paid + 1",
                              (self._person(), self._province(cursor),
                               self.random.randint(0, 10**6) / 4))

    def postpone(self, cursor):
        """The second column of a key changes."""
        return cursor.execute("UPDATE visits SET at = at + INTERVAL 1 DAY WHERE person = %s"
                              " ORDER BY at DESC", (self._person(),))

    def move(self, cursor):
        """A key changes."""
        return cursor.execute("UPDATE people SET id = id + %s WHERE id = %s",
                              (MOVED, self._person()))

    def forget(self, cursor):
        """A value becomes NULL."""
        return cursor.execute("UPDATE visits SET note = NULL WHERE person BETWEEN %s AND %s"
                              " AND note IS NOT NULL", (self._person(), self._person()))

    def undo(self, cursor):
        """A transaction that is rolled back."""
        self.earn(cursor)
        self.connection.rollback()
        return 0

    def _person(self):
        return self.random.randint(1, PEOPLE)

    def _province(self, cursor):
        cursor.execute("SELECT code FROM provinces ORDER BY code LIMIT 1 OFFSET %s",
                       (self.random.randrange(63),))
        return cursor.fetchone()[0]
