// SPDX-License-Identifier: Apache-2.0
// Messages: the records of the run's tables as they lie in Kafka, read again: each has the checksum
// that was taken when it was produced (header crc32c over key and value), and the last one of a key
// is what the source holds. Of a table with more keys than can be remembered a sample is compared,
// drawn by the keys' hashes.
#ifndef TAILRACE_VERIFY_MESSAGES_H
#define TAILRACE_VERIFY_MESSAGES_H

#include "verify/run.h"

// Everything goes to the report, as facts and as differences in the target "kafka".
MUST_CHECK bool messages_verify(struct run *run, struct err *err);

#endif
