#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mongodb_initiate.py HOST:PORT SET: make a mongod a replica set of one and wait for its primary.

Does nothing but wait where the set exists already.
"""
import sys
import time

import pymongo
import pymongo.errors

LIMIT_SECONDS = 60
ALREADY_INITIALIZED = 23


def initiate(admin, address, name):
    """Ask for the set; a mongod that has one, or is just getting one, is left as it is."""
    try:
        admin.command("replSetInitiate", {"_id": name, "members": [{"_id": 0, "host": address}]})
    except pymongo.errors.OperationFailure as e:
        if e.code != ALREADY_INITIALIZED:
            raise


def main():
    address, name = sys.argv[1:]
    host, port = address.split(":")
    client = pymongo.MongoClient(host, int(port), directConnection=True)
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        hello = client.admin.command("hello")
        if hello.get("isWritablePrimary"):
            return 0
        if hello.get("isreplicaset"):
            initiate(client.admin, address, name)
        time.sleep(0.05)
    print(f"{address}: no primary after {LIMIT_SECONDS} s: {hello}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
