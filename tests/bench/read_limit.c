// SPDX-License-Identifier: Apache-2.0
// read_limit FILE: read(2) of a binlog file and CRC-32 of its events by zlib, nothing else. The
// rows that it prints are events.
#define _POSIX_C_SOURCE 200809L
#include "common/mem.h"
#include "tests/bench/limit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define BLOCK_BYTES ((size_t)1 << 20)
#define MAGIC_BYTES 4
#define HEADER_BYTES 19
#define LENGTH_AT 9
#define CHECKSUM_BYTES 4

static uint32_t load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

// Checks the whole events in the block; returns how many bytes they are.
static size_t check_events(const uint8_t *block, size_t len, uint64_t *events)
{
    size_t pos = 0;
    while (len - pos >= HEADER_BYTES) {
        size_t event = load_u32(block + pos + LENGTH_AT);
        if (event < HEADER_BYTES + CHECKSUM_BYTES || event > BLOCK_BYTES)
            limit_fail("an event of %zu bytes", event);
        if (event > len - pos)
            break;
        uInt body = (uInt)(event - CHECKSUM_BYTES);
        if (crc32(0, block + pos, body) != load_u32(block + pos + body))
            limit_fail("wrong checksum");
        pos += event;
        ++*events;
    }
    return pos;
}

static size_t fill(int fd, uint8_t *block, size_t kept)
{
    ssize_t n = read(fd, block + kept, BLOCK_BYTES - kept);
    if (n < 0)
        limit_fail("read failed");
    return (size_t)n;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        limit_fail("usage: read_limit FILE");
    uint8_t *block = mem_alloc(BLOCK_BYTES);
    uint64_t events = 0, bytes = MAGIC_BYTES;
    limit_begin();
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, block, MAGIC_BYTES) != MAGIC_BYTES)
        limit_fail("%s cannot be read", argv[1]);
    size_t kept = 0, n;
    while ((n = fill(fd, block, kept)) > 0) {
        size_t checked = check_events(block, kept + n, &events);
        bytes += n;
        kept += n - checked;
        memmove(block, block + checked, kept);
    }
    limit_end(events, bytes);
    return 0;
}
