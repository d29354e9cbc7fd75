// SPDX-License-Identifier: Apache-2.0
// Holding: see holding.h.
#include "record/holding.h"

#define NARROW_BITS 31    // of a BIT that fits int32
#define DECIMAL_DIGITS 34 // of Decimal128
#define DATE_DIGITS 3     // a Date counts milliseconds

static const struct holding holdings[] = {
    [COLUMN_TINYINT] = {HELD_INT32, HELD_NUMBER, false},
    [COLUMN_SMALLINT] = {HELD_INT32, HELD_NUMBER, false},
    [COLUMN_MEDIUMINT] = {HELD_INT32, HELD_NUMBER, false},
    [COLUMN_INT] = {HELD_INT32, HELD_NUMBER, false},
    [COLUMN_BIGINT] = {HELD_INT64, HELD_NUMBER, false},
    [COLUMN_YEAR] = {HELD_INT32, HELD_NUMBER, false},
    [COLUMN_BIT] = {HELD_INT32, HELD_NUMBER, false},
    [COLUMN_FLOAT] = {HELD_DOUBLE, HELD_NUMBER, false},
    [COLUMN_DOUBLE] = {HELD_DOUBLE, HELD_NUMBER, false},
    [COLUMN_DECIMAL] = {HELD_DECIMAL, HELD_QUOTED, false},
    [COLUMN_DATE] = {HELD_DATE, HELD_QUOTED, false},
    [COLUMN_DATETIME] = {HELD_DATE, HELD_QUOTED, false},
    [COLUMN_TIMESTAMP] = {HELD_DATE, HELD_QUOTED, false},
    [COLUMN_TIME] = {HELD_STRING, HELD_QUOTED, false},
    [COLUMN_CHAR] = {HELD_STRING, HELD_QUOTED, false},
    [COLUMN_VARCHAR] = {HELD_STRING, HELD_QUOTED, false},
    [COLUMN_TEXT] = {HELD_STRING, HELD_QUOTED, false},
    [COLUMN_ENUM] = {HELD_STRING, HELD_QUOTED, false},
    [COLUMN_SET] = {HELD_STRING, HELD_QUOTED, false},
    [COLUMN_BINARY] = {HELD_BINARY, HELD_QUOTED, false},
    [COLUMN_VARBINARY] = {HELD_BINARY, HELD_QUOTED, false},
    [COLUMN_BLOB] = {HELD_BINARY, HELD_QUOTED, false},
    [COLUMN_JSON] = {HELD_JSON, HELD_ANY, true},
    [COLUMN_GEOMETRY] = {HELD_GEOMETRY, HELD_NESTED, false},
    [COLUMN_VECTOR] = {HELD_ARRAY, HELD_NESTED, true},
};

// The whole column is held in another way, whatever the value, where some of its values would not
// fit.
struct holding holding_of(const struct column *column)
{
    struct holding holding = holdings[column->type];
    bool is_wide = (column->type == COLUMN_INT && column->is_unsigned) ||
                   (column->type == COLUMN_BIT && column->length > NARROW_BITS);
    if (is_wide)
        holding.bson = HELD_INT64;
    if (holding.bson == HELD_DECIMAL && column->precision > DECIMAL_DIGITS)
        holding.bson = HELD_STRING;
    if (holding.bson == HELD_DATE && column->scale > DATE_DIGITS)
        holding.bson = HELD_STRING;
    return holding;
}

bool holding_is_narrow(const struct column *column)
{
    return column->type == COLUMN_ENUM || holding_of(column).bson == HELD_INT32;
}
