#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes binlog/charset_table.c from live servers: what their own conversion to Unicode gives.

usage: tools/charset_table.py MYSQL MARIADB > binlog/charset_table.c
       (each server as HOST:PORT; user root, no password)

The file holds the collation numbers of both servers, a code point for each byte of each single-byte
set, and for the multi-byte sets the characters that iconv(3) of this machine reads otherwise than
the servers do. Two servers that contradict each other end the script.
"""
import ctypes
import subprocess
import sys

INVALID = 0xFFFF
REPLACEMENT = 0xFFFD  # what a server gives for some characters of big5: not a reading of them
MULTI = {  # the server's name: (iconv's name, lead bytes)
    'big5': ('BIG5', range(0xA1, 0xFA)),
    'cp932': ('CP932', range(0x81, 0xFD)),
    'eucjpms': ('EUC-JP-MS', range(0x8E, 0xFF)),
    'euckr': ('UHC', range(0x81, 0xFF)),
    'gb18030': ('GB18030', range(0x81, 0xFF)),
    'gb2312': ('GB2312', range(0xA1, 0xF8)),
    'gbk': ('GBK', range(0x81, 0xFF)),
    'sjis': ('SJIS', range(0x81, 0xFD)),
    'ujis': ('EUC-JP-MS', range(0x8E, 0xFF)),
}
NOT_SINGLE = set(MULTI) | {'binary', 'ucs2', 'utf16', 'utf16le', 'utf32', 'utf8mb3', 'utf8mb4'}
ROWS_AT_ONCE = 5000

COLLATIONS = {
    'mysql': 'SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS',
    'mariadb': 'SELECT ID, CHARACTER_SET_NAME'
               ' FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY',
}


class Server:
    def __init__(self, address):
        self.host, self.port = address.rsplit(':', 1)
        self.kind = 'mariadb' if 'MariaDB' in self.rows('SELECT VERSION()')[0][0] else 'mysql'

    def rows(self, sql):
        client = ['mariadb', '--no-defaults', '-uroot', '-h', self.host, '-P', self.port, '-N', '-B']
        out = subprocess.run(client, input=sql.encode(), stdout=subprocess.PIPE, check=True).stdout
        return [line.split('\t') for line in out.decode('ascii').splitlines()]

    def collations(self):
        return {int(number): 'utf8mb3' if name == 'utf8' else name
                for number, name in self.rows(COLLATIONS[self.kind])}

    def code_points(self, charset, characters):
        """{bytes: code point} of those that are one character of the set."""
        found = {}
        for at in range(0, len(characters), ROWS_AT_ONCE):
            values = ' UNION ALL '.join(
                f"SELECT x'{c.hex()}'{' AS b' if i == 0 else ''}"
                for i, c in enumerate(characters[at:at + ROWS_AT_ONCE]))
            text = f'CONVERT(b USING {charset})'
            for key, count, utf8 in self.rows(
                    f"SET sql_mode = '';"
                    f'SELECT HEX(b), CHAR_LENGTH({text}), HEX(CONVERT({text} USING utf8mb4))'
                    f' FROM ({values}) AS t'):
                if count != '1' or utf8 == 'NULL':
                    continue
                character = bytes.fromhex(key)
                point = bytes.fromhex(utf8).decode('utf-8')
                known = point not in ('?', chr(REPLACEMENT)) or character == b'?'
                if len(point) == 1 and known:
                    found[character] = ord(point)
        return found


class Iconv:
    libc = ctypes.CDLL(None)
    libc.iconv_open.restype = ctypes.c_void_p
    libc.iconv.restype = ctypes.c_size_t
    libc.iconv.argtypes = [ctypes.c_void_p] * 5

    def __init__(self, name):
        self.handle = self.libc.iconv_open(b'UTF-32BE', name.encode())

    def code_point(self, character):
        source = ctypes.create_string_buffer(character, len(character))
        target = ctypes.create_string_buffer(16)
        source_at = ctypes.c_void_p(ctypes.addressof(source))
        target_at = ctypes.c_void_p(ctypes.addressof(target))
        source_left = ctypes.c_size_t(len(character))
        target_left = ctypes.c_size_t(16)
        self.libc.iconv(self.handle, None, None, None, None)
        self.libc.iconv(self.handle, ctypes.addressof(source_at), ctypes.addressof(source_left),
                        ctypes.addressof(target_at), ctypes.addressof(target_left))
        self.libc.iconv(self.handle, None, None, ctypes.addressof(target_at),
                        ctypes.addressof(target_left))
        if source_left.value or target_left.value != 12:
            return INVALID
        return int.from_bytes(target.raw[:4], 'big')


def merge(first, second, what):
    both = [key for key in first.keys() & second.keys() if first[key] != second[key]]
    if both:
        sys.exit(f'{what}: the servers contradict each other: {both[:5]}')
    return {**first, **second}


def characters_of(charset, leads):
    if charset in ('eucjpms', 'ujis'):
        two = [bytes([a, b]) for a in leads for b in range(0x40, 0x100) if a != 0x8F]
        return two + [bytes([0x8F, a, b]) for a in range(0xA1, 0xFF) for b in range(0xA1, 0xFF)]
    characters = [bytes([a, b]) for a in leads for b in range(0x40, 0x100)]
    if charset in ('cp932', 'sjis'):
        characters = [c for c in characters if not 0xA0 <= c[0] <= 0xDF]
        characters += [bytes([a]) for a in range(0xA1, 0xE0)]
    if charset == 'gb18030':
        characters += [bytes([a, b, c, d]) for a in range(0x81, 0x85) for b in range(0x30, 0x3A)
                       for c in range(0x81, 0xFF) for d in range(0x30, 0x3A)]
    return characters


def exceptions_of(servers, charset):
    iconv_name, leads = MULTI[charset]
    characters = characters_of(charset, leads)
    points = {}
    for server in servers:
        if charset in server.charsets:
            points = merge(points, server.code_points(charset, characters), charset)
    iconv = Iconv(iconv_name)
    return [(int.from_bytes(c, 'big'), points.get(c, INVALID)) for c in characters
            if iconv.code_point(c) != points.get(c, INVALID)]


def single_byte(servers, charset):
    characters = [bytes([a]) for a in range(256)]
    points = {}
    for server in servers:
        if charset in server.charsets:
            points = merge(points, server.code_points(charset, characters), charset)
    return [points.get(c, INVALID) for c in characters]


def runs_of(collations):
    runs = []
    for number in sorted(collations):
        if runs and runs[-1][1] == number - 1 and runs[-1][2] == collations[number]:
            runs[-1][1] = number
        else:
            runs.append([number, number, collations[number]])
    return runs


def table(items, a_line):
    lines = [', '.join(items[i:i + a_line]) for i in range(0, len(items), a_line)]
    return '\n'.join(f'    {line},' for line in lines)


def write_lists(name, lists):
    for charset, body in lists.items():
        print(f'\nstatic const {name} {charset}[] = {{\n{body}\n}};')


def main():
    servers = [Server(address) for address in sys.argv[1:]]
    collations = {}
    for server in servers:
        own = server.collations()
        server.charsets = set(own.values())
        collations = merge(collations, own, 'collations')
    charsets = sorted(set(collations.values()))
    singles = {c: table([f'0x{p:04X}' for p in single_byte(servers, c)], 11)
               for c in charsets if c not in NOT_SINGLE}
    others = {c: exceptions_of(servers, c) for c in charsets if c in MULTI}
    others = {c: table([f'{{0x{k:X}, 0x{p:04X}}}' for k, p in sorted(others[c])], 5)
              for c in others if others[c]}
    versions = ', '.join(s.rows('SELECT VERSION()')[0][0] for s in servers)
    print('// SPDX-License-Identifier: Apache-2.0')
    print('// Charset table: written by tools/charset_table.py, which see; not by hand.')
    print(f'// Servers: {versions}.')
    print('#include "binlog/charset_table.h"\n\n// clang-format off')
    runs = table([f'{{{a}, {b}, CHARSET_{c.upper()}}}' for a, b, c in runs_of(collations)], 3)
    print(f'\nconst struct collation_run charset_collation_runs[] = {{\n{runs}\n}};\n')
    print('const size_t charset_n_collation_runs =')
    print('    sizeof charset_collation_runs / sizeof *charset_collation_runs;')
    write_lists('uint16_t', singles)
    write_lists('struct charset_exception', {f'{c}_exceptions': b for c, b in others.items()})
    print('\nconst uint16_t *const charset_code_points[CHARSET_COUNT] = {')
    for charset in singles:
        print(f'    [CHARSET_{charset.upper()}] = {charset},')
    print('};\n\nconst struct charset_exceptions charset_exceptions_of[CHARSET_COUNT] = {')
    for charset in others:
        name = f'{charset}_exceptions'
        print(f'    [CHARSET_{charset.upper()}] = {{{name}, sizeof {name} / sizeof *{name}}},')
    print('};')


if __name__ == '__main__':
    main()
