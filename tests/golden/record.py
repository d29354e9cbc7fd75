#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records golden cases: tests/golden/SERVER/NAME.sql → NAME.binlog and NAME.jsonl.

usage: tests/golden/record.py mysql|mariadb URL [NAME…]      URL: mysql://root@127.0.0.1:21001
MYSQLBINLOG names the server's own mysqlbinlog (mysqlbinlog, mariadb-binlog). The server must run on
this machine, as its binlog is copied from its directory; and TZ of mysqlbinlog is set to UTC.

NAME.jsonl is derived without any of our own code:
  which changes there are, their order, place and present columns   from `mysqlbinlog -vv`
  every value                                                       from SELECT
After each statement all tables of the database `golden` are read; a row that mysqlbinlog shows is
looked up by its key in the snapshots before and after the statement that made it. So the first
column, or the columns of the primary key, must be integers or plain text, and a table without a
key must not hold more than one row; and a statement must write one row event a table, as mysqlbinlog
shows the rows of all events of a statement behind the last of them.

Without row metadata (binlog_row_metadata) columns are called @1, @2.

Rows of XA transactions are expected at their XA COMMIT, with its GTID and commit time; rows that the
log itself undoes (XA ROLLBACK, ROLLBACK, ROLLBACK TO) are not. The statement RECONNECT; goes on with
a new connection, as an XA transaction keeps its own until that is closed.

A case may have sections: `-- setup` and `-- cleanup` are not recorded; `-- record` is; so is
`-- refused`, but no records are expected of it: tailrace-cat must stop there (NAME.refused).
"""
import base64
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import urllib.parse

import pymysql

HERE = os.path.dirname(os.path.abspath(__file__))


def sections(text):
    parts = {'setup': [], 'record': [], 'refused': [], 'cleanup': []}
    now = 'record'
    statement = ''
    for line in text.splitlines():
        marker = re.fullmatch(r'-- (setup|record|refused|cleanup)', line)
        if marker:
            now = marker[1]
        elif not line.startswith('--'):
            statement += line + '\n'
            if line.rstrip().endswith(';'):
                parts[now].append(statement.strip().rstrip(';'))
                statement = ''
    return parts


# --- values: a SELECT expression and what becomes of its text ------------------------------------

def float32_text(value):
    for digits in range(1, 10):
        text = '%.*g' % (digits, value)
        try:
            if struct.pack('<f', float(text)) == struct.pack('<f', value):
                return float(text)
        except OverflowError:
            pass  # rounded up beyond the largest float
    raise ValueError(value)


def number(value):
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def without_spaces(text):
    return Raw(''.join(re.findall(r'"(?:\\.|[^"\\])*"|[^\s"]+', text)))


class Raw(str):
    """JSON that stands as it is."""


def base64_of(value):
    return base64.b64encode(value).decode()


def geometry(value):
    return {'srid': struct.unpack('<I', value[:4])[0], 'wkb': base64_of(value[4:])}


def vector(value):
    return [number(float32_text(v[0])) for v in struct.iter_unpack('<f', value)]


TEXTS = ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set')
BINARIES = ('binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob')
CONVERSIONS = {
    'float': ('CAST({} AS DOUBLE)', lambda v: number(float32_text(float(v)))),
    'double': ('{}', lambda v: number(float(v))),
    'bit': ('{} + 0', int),
    'decimal': ('CAST({} AS CHAR)', str),
    'date': ('CAST({} AS CHAR)', str),
    'time': ('CAST({} AS CHAR)', str),
    'datetime': ('CAST({} AS CHAR)', lambda v: v.replace(' ', 'T')),
    'timestamp': ('CAST({} AS CHAR)', lambda v: v.replace(' ', 'T') + 'Z'),
    'json': ('CAST({} AS CHAR)', without_spaces),
    'vector': ('HEX({})', lambda v: vector(bytes.fromhex(v))),
}
for name in ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'year'):
    CONVERSIONS[name] = ('{}', int)
for name in TEXTS:
    CONVERSIONS[name] = ('CONVERT({} USING utf8mb4)', str)
for name in BINARIES:
    CONVERSIONS[name] = ('HEX({})', lambda v: base64_of(bytes.fromhex(v)))
for name in ('geometry', 'point', 'linestring', 'polygon'):
    CONVERSIONS[name] = ('HEX({})', lambda v: geometry(bytes.fromhex(v)))


class Table:
    """One table as SELECT shows it at one time: key → row, rows in column order."""

    def __init__(self, cursor, name):
        cursor.execute('SELECT column_name, data_type, column_key, column_type'
                       ' FROM information_schema.columns'
                       ' WHERE table_schema = "golden" AND table_name = %s'
                       ' ORDER BY ordinal_position', name)
        described = cursor.fetchall()
        self.columns = [row[0] for row in described]
        cursor.execute('SELECT @@global.binlog_row_metadata')
        self.shown = self.columns  # in records; without metadata by number
        if cursor.fetchone()[0] != 'FULL':
            self.shown = ['@%d' % (i + 1) for i in range(len(self.columns))]
        self.unsigned = ['unsigned' in row[3] for row in described]
        self.key = [i for i, row in enumerate(described) if row[2] == 'PRI']
        rules = [CONVERSIONS[row[1]] for row in described]
        wanted = ', '.join(rule[0].format('`%s`' % c) for rule, c in zip(rules, self.columns))
        cursor.execute('SELECT %s FROM `golden`.`%s`' % (wanted, name))
        self.rows = {}
        for row in cursor.fetchall():
            values = [None if v is None else rule[1](v) for rule, v in zip(rules, row)]
            self.rows[tuple(str(values[i]) for i in self.key)] = values


XA_IDLE = 1399  # between XA END and XA COMMIT the server answers no SELECT, and nothing changes


def snapshot_after(cursor, before):
    try:
        return snapshot(cursor)
    except pymysql.err.OperationalError as error:
        if error.args[0] != XA_IDLE:
            raise
        return before


def snapshot(cursor):
    cursor.execute('SELECT table_name FROM information_schema.tables'
                   ' WHERE table_schema = "golden" AND table_type = "BASE TABLE"')
    return {row[0]: Table(cursor, row[0]) for row in cursor.fetchall()}


# --- what mysqlbinlog shows ----------------------------------------------------------------------

class Change:
    def __init__(self, op, table, place):
        self.op, self.table = op, table
        self.__dict__.update(place)
        self.images = {'WHERE': {}, 'SET': {}}


def binlog_changes(path, mysqlbinlog):
    text = subprocess.run([*mysqlbinlog.split(), '-vv', '--base64-output=DECODE-ROWS', path],
                          env={**os.environ, 'TZ': 'UTC'}, stdout=subprocess.PIPE,
                          check=True).stdout.decode('utf-8', 'replace')
    changes = []
    numbers, events = {}, {}  # table number → name; name → place of its row event in the statement
    place = {'pos': 0, 'gtid': None, 'thread': None, 'server': None, 'ts_us': None}
    image = thread = None
    last_end = 4
    group = Group()
    for line in text.split('\n'):
        if m := re.match(r'#(\d\d)(\d\d)(\d\d) +(\d+):(\d\d):(\d\d) server id (\d+)', line):
            place['server'] = int(m[7])
            end = int(re.search(r'end_log_pos (\d+)', line)[1])
            if end != last_end:  # else an event in a compressed transaction: its place is that one's
                place['pos'], last_end = last_end, end
            seconds = utc_seconds(*(int(m[i]) for i in range(1, 7)))
            if m := re.search(r'\bGTID (\d+-\d+-\d+)', line):
                place.update(gtid=m[1], ts_us=seconds * 1000000, thread=None)
        if m := re.search(r'original_commit_timestamp=(\d+)', line):
            place['ts_us'] = int(m[1])
        if m := re.search(r"GTID_NEXT= *'([0-9a-fA-F-]{36}:[^']+)'", line):
            place.update(gtid=m[1], thread=None)
        if m := re.search(r'Query\s+thread_id=(\d+)', line):
            thread = int(m[1])
        if line.startswith('BEGIN') and not line.startswith('BEGIN GTID'):
            place['thread'] = thread
        if line.startswith('XA START') and '-' in place['gtid'].split(':')[0][8:]:
            place['thread'] = thread  # MySQL; of MariaDB the event has none
        group.control(line, changes, place)
        if m := re.search(r'Table_map: `golden`\.`(.+)` mapped to number (\d+)', line):
            numbers[m[2]] = m[1]
        if m := re.search(r'(?:Write|Update|Delete)\w*_rows\w*: table id (\d+)', line):
            events[numbers[m[1]]] = place['pos']
        if m := re.match(r'### (INSERT INTO|UPDATE|DELETE FROM) `golden`\.`(.+)`', line):
            changes.append(Change(m[1][0], m[2], {**place, 'pos': events[m[2]]}))
        if m := re.match(r'### (WHERE|SET)', line):
            image = changes[-1].images[m[1]]
        if line.startswith('###') and "!! Don't know how to handle column" in line:
            image.update((i, '') for i in range(1, 64))  # mysqlbinlog gives up: such cases are FULL
        elif m := re.match(r"###   @(\d+)=('?)(.*?)'?(?: /\*.*)?$", line):
            image[int(m[1]) - 1] = m[3]
    return changes


class Group:
    """What the statements between the rows do to the rows of their transaction."""

    def __init__(self):
        self.start, self.savepoints, self.prepared = 0, {}, {}

    def control(self, line, changes, place):
        text = line.split('/*')[0].strip().rstrip(';')
        if text in ('BEGIN', 'START TRANSACTION', 'COMMIT') or text.startswith('XA START'):
            self.start, self.savepoints = len(changes), {}
        elif m := re.match(r'SAVEPOINT `(.*)`$', text):
            self.savepoints[m[1].lower()] = len(changes)
        elif m := re.match(r'ROLLBACK TO `(.*)`$', text):
            del changes[self.savepoints[m[1].lower()]:]
        elif text == 'ROLLBACK':
            del changes[self.start:]
        elif m := re.match(r'XA PREPARE (.*)', text):
            self.prepared[m[1]] = changes[self.start:]
            del changes[self.start:]
        elif text.startswith('XA ROLLBACK'):
            del self.prepared[text.split(' ', 2)[2]]
        elif text.startswith('XA COMMIT') and not text.endswith('ONE PHASE'):
            for change in self.prepared.pop(text.split(' ', 2)[2]):
                change.gtid, change.ts_us = place['gtid'], place['ts_us']
                changes.append(change)
            self.start = len(changes)


def utc_seconds(year, month, day, hour, minute, second):
    import calendar
    return calendar.timegm((2000 + year, month, day, hour, minute, second))


# --- the two together ----------------------------------------------------------------------------

def key_text(table, column, shown):
    both = re.fullmatch(r'(-?\d+) \((\d+)\)', shown)
    if both:
        return both[2 if table.unsigned[column] else 1]
    return shown


def find_row(table, image, other):
    """The key of the row that an image shows; columns that it lacks come from the other image."""
    return tuple(key_text(table, i, image.get(i, other.get(i))) for i in table.key)


def match(change, before, after):
    """The values before and after, if this is the statement that made the change."""
    old, new = before.get(change.table), after.get(change.table)
    where, set_ = change.images['WHERE'], change.images['SET']
    was = old and old.rows.get(find_row(old, where, set_))
    now = new and new.rows.get(find_row(new, set_, where))
    if change.op == 'I':
        return (None, now) if now and not was else None
    if change.op == 'D':
        return (was, None) if was and not now else None
    return (was, now) if was and now and was != now and old.columns == new.columns else None


def image_of(table, values, present):
    if values is None:
        return None
    return {c: v for i, (c, v) in enumerate(zip(table.shown, values)) if i in present}


def dump(value):
    if isinstance(value, dict):
        return '{' + ','.join(dump(str(k)) + ':' + dump(v) for k, v in value.items()) + '}'
    if isinstance(value, list):
        return '[' + ','.join(map(dump, value)) + ']'
    return value if isinstance(value, Raw) else json.dumps(value, ensure_ascii=False)


def record_of(change, images, queries, name, counts):
    table = images[2]
    present = change.images
    return {
        'before': image_of(table[0], images[0], present['WHERE']),
        'after': image_of(table[1], images[1], present['SET']),
        'source': {
            'version': '@VERSION@', 'connector': 'mysql', 'name': 'tailrace',
            'ts_ms': change.ts_us // 1000, 'ts_us': change.ts_us, 'snapshot': 'false',
            'db': 'golden', 'table': change.table, 'server_id': change.server,
            'gtid': change.gtid, 'file': name + '.binlog', 'pos': change.pos,
            'row': counts['row'], 'thread': change.thread, 'query': queries},
        'op': {'I': 'c', 'U': 'u', 'D': 'd'}[change.op],
        'ts_ms': change.ts_us // 1000,
        'transaction': {'id': change.gtid, 'total_order': counts['order']}}


def find_statements(changes, steps, name):
    """The statement that made each change, and its images. In the order of the log, which is that of
    the statements but for rows that the server logs before those of their transaction."""
    at, taken = 0, set()
    for change in sorted(changes, key=lambda change: change.pos):
        for i in [*range(at, len(steps)), *range(at)]:
            statement, before, after, logs_query = steps[i]
            images = match(change, before, after)
            name_of_change = (i, change.op, change.table, str(images))
            if images and name_of_change not in taken:
                taken.add(name_of_change)
                break
        else:
            sys.exit('%s: no statement makes this change: %s' % (name, vars(change)))
        at = i
        change.found = (*images, (before.get(change.table), after.get(change.table)))
        change.query = statement if logs_query else None


def records(changes, steps, name):
    find_statements(changes, steps, name)
    counts, last = {'row': 0, 'order': 0}, None
    for change in changes:
        counts['row'] = counts['row'] + 1 if last and last.pos == change.pos else 0
        counts['order'] = counts['order'] + 1 if last and last.gtid == change.gtid else 1
        last = change
        yield record_of(change, change.found, change.query, name, counts)


def logs_query(cursor, server):
    variable = 'binlog_annotate_row_events' if server == 'mariadb' else 'binlog_rows_query_log_events'
    cursor.execute('SELECT @@session.' + variable)
    return bool(cursor.fetchone()[0])


def run_case(url, parts, server):
    """Executes a case; returns (statement, before, after, logs its text) of each statement, the
    binlog and how far records are expected."""
    cursor = connect(url).cursor()
    for statement in ['DROP DATABASE IF EXISTS golden', 'CREATE DATABASE golden', 'USE golden',
                      *parts['setup'],
                      'FLUSH BINARY LOGS']:
        cursor.execute(statement)
    steps = []
    before = snapshot(cursor)
    for statement in parts['record']:
        if statement == 'RECONNECT':
            cursor.connection.close()
            cursor = connect(url).cursor()
            cursor.execute("USE golden")
            continue
        cursor.execute(statement)
        after = snapshot_after(cursor, before)
        steps.append((statement, before, after, logs_query(cursor, server)))
        before = after
    cursor.execute('SHOW BINARY LOGS')
    log, end = cursor.fetchall()[-1][:2]
    for statement in [*parts['refused'], 'FLUSH BINARY LOGS']:
        cursor.execute(statement)
    cursor.execute('SELECT @@log_bin_basename')
    path = os.path.join(os.path.dirname(cursor.fetchone()[0]), log)
    for statement in parts['cleanup']:
        cursor.execute(statement)
    return steps, path, end


def connect(url):
    return pymysql.connect(host=url.hostname, port=url.port, user=url.username,
                           password=url.password or '', charset='utf8mb4', autocommit=True,
                           init_command="SET time_zone = '+00:00', sql_mode = ''")


def record_case(url, server, name):
    base = os.path.join(HERE, server, name)
    with open(base + '.sql', encoding='utf-8') as file:
        parts = sections(file.read())
    steps, path, end = run_case(url, parts, server)
    shutil.copyfile(path, base + '.binlog')
    default = 'mariadb-binlog' if server == 'mariadb' else 'mysqlbinlog'
    changes = [change for change in
               binlog_changes(base + '.binlog', os.environ.get('MYSQLBINLOG', default))
               if change.pos < end]
    with open(base + '.jsonl', 'w', encoding='utf-8') as out:
        n = 0
        for record in records(changes, steps, name):
            out.write(dump(record) + '\n')
            n += 1
    print('%s/%s: %d records' % (server, name, n))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    server, url = sys.argv[1], urllib.parse.urlparse(sys.argv[2])
    files = sorted(os.listdir(os.path.join(HERE, server)))
    for name in sys.argv[3:] or [f[:-4] for f in files if f.endswith('.sql')]:
        record_case(url, server, name)


if __name__ == '__main__':
    main()
