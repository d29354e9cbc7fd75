// SPDX-License-Identifier: Apache-2.0
// A binlog file, or standard input, as a source. Reads ahead in blocks; memory is one block and the
// largest event, of transaction payloads some blocks. The magic (fe 62 69 6e) is checked; an
// encrypted file (fd 62 69 6e) is refused with the reason. A file that ends inside an event is
// ERR_CORRUPT; one that ends between events is SOURCE_END.
#ifndef TAILRACE_BINLOG_SOURCE_FILE_H
#define TAILRACE_BINLOG_SOURCE_FILE_H

#include "binlog/source.h"

// `path` "-" is standard input. NULL and *err when it cannot be opened (ERR_UNAVAILABLE) or is no
// binlog (ERR_CORRUPT).
struct source *source_file_open(const char *path, struct err *err);

#endif
