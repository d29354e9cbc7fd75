# SPDX-License-Identifier: Apache-2.0
"""What a cell of the source must be in MongoDB and in Redis: docs/mongodb.md and docs/redis.md, a
second time and on purpose not with the project's own code.

A cell is the server's text as tests/lib/source.py selects it, never None. mongodb() and redis() give
the function that maps the cells of one column.
"""

import base64
import json
import re
import struct
from datetime import datetime
from decimal import Decimal

from bson import Decimal128, Int64

from tests.lib.source import BINARY_TYPES, GEOMETRY_TYPES, Unsupported

INTEGER_TYPES = {"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit"}
TEXT_TYPES = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
DECIMAL128_DIGITS = 34
DATE_DIGITS = 3  # BSON's Date counts milliseconds
FLOAT_DIGITS, DOUBLE_DIGITS = 9, 17  # as many name any float or double


def mongodb(column):
    """cell → BSON value."""
    simple = {**dict.fromkeys(INTEGER_TYPES, _bson_integer_of(column)),
              **dict.fromkeys(TEXT_TYPES, str), **dict.fromkeys(BINARY_TYPES, bytes.fromhex),
              **dict.fromkeys(GEOMETRY_TYPES, _bson_geometry),
              "float": lambda cell: _widened(float(cell)), "double": float, "time": str,
              "json": bson_json, "vector": lambda cell: list(map(_widened, _floats(cell)))}
    if column.type == "decimal":
        fits = column.precision <= DECIMAL128_DIGITS
        return lambda cell: Decimal128(decimal_text(cell)) if fits else decimal_text(cell)
    if column.type in ("date", "datetime", "timestamp"):
        text = redis(column)
        fits = column.digits <= DATE_DIGITS
        return lambda cell: (fits and _real_date(cell)) or text(cell)
    if column.type not in simple:
        raise Unsupported(f"column {column.name}: type {column.type}")
    return simple[column.type]


def redis(column):
    """cell → text, or a Float, Floats or Json that says which texts are right."""
    simple = {**dict.fromkeys(INTEGER_TYPES, lambda cell: str(int(cell))),
              **dict.fromkeys(TEXT_TYPES, str), **dict.fromkeys(BINARY_TYPES, _base64),
              **dict.fromkeys(GEOMETRY_TYPES, _geometry_text),
              "float": lambda cell: Float(cell, "<f"),
              "double": lambda cell: Float(cell, "<d"),
              "decimal": decimal_text, "date": str, "time": str, "json": Json,
              "datetime": lambda cell: cell.replace(" ", "T"),
              "timestamp": lambda cell: cell.replace(" ", "T") + "Z",
              "vector": Floats}
    if column.type not in simple:
        raise Unsupported(f"column {column.name}: type {column.type}")
    return simple[column.type]


def redis_key(table, parts):
    """db:table:part[:part…], with the two characters escaped that would make it ambiguous."""
    return ":".join(map(_escaped, [table.db, table.name, *parts]))


class Float:
    """A float or double: right is any text that reads back as the same and is as short as can be."""

    def __init__(self, cell, layout):
        self.value, self.layout = float(cell), layout
        self.text = _shortest(self.value, layout)

    def __eq__(self, text):
        return (isinstance(text, str) and re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", text) and
                self._bits(float(text)) == self._bits(self.value) and
                _digits(text) <= _digits(self.text))

    def __repr__(self):
        return self.text

    def _bits(self, value):
        try:
            return struct.pack(self.layout, value)
        except OverflowError:
            return None


class Floats:
    """A vector: right is an array of right texts."""

    def __init__(self, cell):
        self.floats = [Float(number, "<f") for number in _floats(cell)]

    def __eq__(self, text):
        return (isinstance(text, str) and text[:1] + text[-1:] == "[]" and
                self.floats == text[1:-1].split(","))

    def __repr__(self):
        return str(self.floats)


class Json:
    """A JSON document: right is any text with the same values, number texts and key order."""

    def __init__(self, cell):
        self.text, self.value = cell, _json_exact(cell)

    def __eq__(self, text):
        try:
            return isinstance(text, str) and _json_exact(text) == self.value
        except ValueError:
            return False

    def __repr__(self):
        return self.text


def bson_json(cell):
    """A JSON document as BSON: objects are sub-documents in the server's order."""
    return json.loads(cell, parse_int=_json_integer, parse_float=_json_number)


def decimal_text(cell):
    """A DECIMAL without the zeros that ZEROFILL puts before it."""
    sign, digits = ("-", cell[1:]) if cell.startswith("-") else ("", cell)
    digits = digits.lstrip("0")
    return sign + (digits if digits[:1].isdigit() else "0" + digits)


def _bson_integer_of(column):
    """By column, so that a field has one type: int32 where all its values fit, else int64, and
    Decimal128 only for the values that are too large for that."""
    narrow = (column.precision < 32 if column.type == "bit" else
              column.type != "bigint" and not (column.type == "int" and column.unsigned))
    return lambda cell: int(cell) if narrow else _int64(int(cell))


def _int64(value):
    return Int64(value) if -2**63 <= value < 2**63 else Decimal128(str(value))


def _json_integer(text):
    """By value: int32, int64, or as any other number."""
    value = int(text)
    if text == "-0":
        return -0.0
    if -2**31 <= value < 2**31:
        return value
    return Int64(value) if -2**63 <= value < 2**63 else _json_decimal(text)


def _json_number(text):
    """A double where it is the number that the text names, to the text's digits."""
    digits = max(_digits(text), 1)
    double = float(text)
    if digits <= DOUBLE_DIGITS and abs(double) != float("inf") and \
            Decimal(f"{double:.{digits - 1}e}") == Decimal(text):
        return double
    return _json_decimal(text)


def _json_decimal(text):
    return Decimal128(text) if _digits(text) <= DECIMAL128_DIGITS else text


def _real_date(cell):
    """The Date, or None for what is no day of the calendar: zero and partly zero dates."""
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        return None


def _geometry(cell):
    """(srid, WKB) out of the server's storage format: the SRID in four bytes, then WKB."""
    raw = bytes.fromhex(cell)
    return struct.unpack("<I", raw[:4])[0], raw[4:]


def _bson_geometry(cell):
    srid, wkb = _geometry(cell)
    return {"srid": Int64(srid), "wkb": wkb}


def _geometry_text(cell):
    srid, wkb = _geometry(cell)
    return f'{{"srid":{srid},"wkb":"{base64.b64encode(wkb).decode()}"}}'


def _base64(cell):
    return base64.b64encode(bytes.fromhex(cell)).decode()


def _floats(cell):
    return [number for number, in struct.iter_unpack("<f", bytes.fromhex(cell))]


def _widened(value):
    """The double whose shortest text is the float's: 0.1 for a FLOAT that shows 0.1."""
    return float(_shortest(value, "<f"))


def _shortest(value, layout):
    """repr() for either width: the fewest digits that read back as the same bits."""
    if layout == "<d":
        return repr(value)
    bits = struct.pack(layout, value)
    for digits in range(1, FLOAT_DIGITS):
        text = repr(float(f"{value:.{digits}g}"))
        try:
            if struct.pack(layout, float(text)) == bits:
                return text
        except OverflowError:  # rounded up beyond the largest
            continue
    return repr(float(f"{value:.{FLOAT_DIGITS}g}"))


def _digits(text):
    """How many digits of a number count: without sign, point, exponent and outer zeros."""
    mantissa = re.split("[eE]", text)[0].lstrip("-").replace(".", "")
    return len(mantissa.strip("0"))


def _json_exact(text):
    """Parsed so that 1, 1.0, 1.00, "1" and true all differ, and so do keys in another order."""
    return json.loads(text, parse_int=lambda number: ("number", number),
                      parse_float=lambda number: ("number", number),
                      parse_constant=_no_constant,
                      object_pairs_hook=lambda pairs: ("object", tuple(pairs)))


def _no_constant(text):
    raise ValueError(f"{text} is not JSON")


def _escaped(part):
    return part.replace("%", "%25").replace(":", "%3A")
