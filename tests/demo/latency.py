# SPDX-License-Identifier: Apache-2.0
"""How long after a COMMIT is sent to MySQL a row can be read from MongoDB and from Redis.

The two stores are asked in turns, without a pause, until both show the row. The clock starts before the
COMMIT, so the figures contain what MySQL itself needs for it.
"""

import time

from tests.lib import servers

COMMITS = 100
PAUSE_SECONDS = 0.015
PATIENCE_SECONDS = 10
FIRST_ID = 900000


def measure(addresses):
    """store → sorted seconds, of COMMITS commits."""
    mysql = servers.mysql(addresses["mysql"], database="vietnam", autocommit=False)
    people = servers.mongodb(addresses["mongodb"]).vietnam.people
    redis = servers.redis(addresses["redis"])
    seconds = {"MongoDB": [], "Redis": []}
    for person in range(FIRST_ID, FIRST_ID + COMMITS):
        with mysql.cursor() as cursor:
            cursor.execute("INSERT INTO people (id, name, sex, born, province, district)"
                           " VALUES (%s, 'Bùi Thị Xuân', 'nữ', '1990-01-01', '52', 1)", (person,))
        asked = {"MongoDB": lambda: people.find_one({"_id": person}, {"_id": 1}),
                 "Redis": lambda: redis.exists(f"vietnam:people:{person}")}
        start = time.monotonic()
        mysql.commit()
        while asked:
            for store in [store for store, is_there in asked.items() if is_there()]:
                seconds[store].append(time.monotonic() - start)
                del asked[store]
            if time.monotonic() - start > PATIENCE_SECONDS:
                raise TimeoutError(f"row {person} is not visible in {', '.join(asked)} "
                                   f"{PATIENCE_SECONDS} s after its commit")
        time.sleep(PAUSE_SECONDS)
    mysql.close()
    return {store: sorted(values) for store, values in seconds.items()}


def quantile(values, part):
    """Of sorted values: the smallest that `part` of them do not exceed."""
    return values[min(int(part * len(values)), len(values) - 1)]
