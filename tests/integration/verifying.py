# SPDX-License-Identifier: Apache-2.0
"""`tailrace verify` in a test: runs it and reads its JSON report."""

import json

from tests.lib import programs

EQUAL, DIFFERENT, UNKNOWN = 0, 1, 2
PATIENCE_S = 120


class Verify:
    """What one run said."""

    def __init__(self, pipeline, *arguments, patience_s=PATIENCE_S, **options):
        report = pipeline.folder / "verify.json"
        report.unlink(missing_ok=True)
        self.program = pipeline.start("tailrace-verify", "--json", str(report), *arguments, **options)
        self.code = self.program.wait(patience_s)
        self.text = self.program.log()
        self.report = json.loads(report.read_text("utf-8")) if report.exists() else None

    def __repr__(self):
        return f"exit {self.code}\n{self.text}"

    def tables(self, target=None):
        """The lines of the tables, of one target or of all."""
        return [line for line in self.report["tables"] if target in (None, line["target"])]

    def found(self, target):
        """{(table, key, what it is, (columns that differ))}: all that differs in that target."""
        return {(line["table"].split(".")[-1], one["key"], one["is"],
                 tuple(column["column"] for column in one["columns"]))
                for line in self.tables(target) for one in line["differences"]}


def prepare(pipeline):
    """verify reads with the account of the source: it needs SELECT."""
    name = pipeline.database.schema
    pipeline.database.sql(f"GRANT SELECT ON {name}.* TO '{name}'@'%'")


def verify(pipeline, *arguments, code=EQUAL, **options):
    """Runs it and expects the exit code."""
    done = Verify(pipeline, *arguments, **options)
    assert done.code == code, done
    return done
