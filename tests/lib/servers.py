# SPDX-License-Identifier: Apache-2.0
"""The servers that the tests run against: addresses from the environment (tests/stack/README.md) and
connections."""

import os
from urllib.parse import unquote, urlsplit

import pymongo
import pymysql
import redis as redis_client

NAMES = ("mysql", "mariadb", "kafka", "mongodb", "redis", "mongodb_standalone")


def address(name):
    """The address of a server, such as "mysql"; ends with a message when there is none."""
    variable = "TAILRACE_TEST_" + name.upper()
    try:
        return os.environ[variable]
    except KeyError:
        raise SystemExit(f"{variable} is not set; run this with tests/stack/stack run …") from None


def addresses(*names):
    """name → address."""
    return {name: address(name) for name in names}


def mysql_address(url):
    """mysql://user:password@host:port as the arguments of pymysql.connect."""
    parts = urlsplit(url)
    if parts.scheme != "mysql" or not parts.hostname:
        raise ValueError(f"{url}: mysql://USER@HOST:PORT is needed")
    return {"host": parts.hostname, "port": parts.port or 3306,
            "user": unquote(parts.username or "root"), "password": unquote(parts.password or "")}


def mysql(url, **options):
    """A connection with autocommit."""
    return pymysql.connect(**mysql_address(url),
                           **{"charset": "utf8mb4", "autocommit": True, **options})


def mongodb(uri):
    """A client that keeps every value as it is stored."""
    return pymongo.MongoClient(uri, serverSelectionTimeoutMS=10000, connect=False)


def redis(url):
    """A client whose answers are bytes."""
    return redis_client.Redis.from_url(url, socket_timeout=60)
