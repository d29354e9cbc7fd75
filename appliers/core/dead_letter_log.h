// SPDX-License-Identifier: Apache-2.0
// Dead letter log: the topic of an applier's dead letters, read into a book and written to. A
// letter counts once Kafka has acknowledged it from all replicas; only then its record is passed
// over in the target. So a kill may put a letter twice, which is one (dead_letter.h), and never
// loses one.
//
// Threads: what stands under "for the workers" may be called by any thread, the rest by one.
#ifndef TAILRACE_APPLIERS_CORE_DEAD_LETTER_LOG_H
#define TAILRACE_APPLIERS_CORE_DEAD_LETTER_LOG_H

#include "appliers/core/dead_letter_book.h"
#include "common/config.h"

struct dead_letter_log;

// Both are borrowed. Nothing is asked yet.
struct dead_letter_log *dead_letter_log_new(const struct config *config, const char *group);

// Gives marks that are still on their way a moment. Takes NULL.
void dead_letter_log_free(struct dead_letter_log *log);

// --- for the workers ---

// What becomes a letter. Borrowed.
struct dead_letter_put {
    const rd_kafka_message_t *from;
    const char *topic; // its own: from->rkt may be gone
    const char *gtid;
    const char *reason;
};

// Partitions came to us: what their owner before kept has to be known before they are applied. Asks
// with the handle whether there is anything. ERR_RETRY, ERR_UNAVAILABLE, ERR_REFUSED.
MUST_CHECK bool dead_letter_log_expect(struct dead_letter_log *log, rd_kafka_t *rk,
                                       struct err *err);

// Reads what was expected, once.
MUST_CHECK bool dead_letter_log_sync(struct dead_letter_log *log, struct err *err);

// False while no letter is open: then nothing below needs to be asked.
bool dead_letter_log_has_open(struct dead_letter_log *log);

// The identity of the first open letter of the key before `place`; "": there is none. Looks into
// the topic whether one that was open has been replayed meanwhile.
MUST_CHECK bool dead_letter_log_find_before(struct dead_letter_log *log,
                                            const struct dead_letter_place *place, struct slice key,
                                            char identity[DEAD_LETTER_IDENTITY_BYTES],
                                            struct err *err);

// Puts the letters and waits until they are acknowledged; makes the topic when there is none.
// ERR_REFUSED also when [apply] dead_letters_max would be passed.
MUST_CHECK bool dead_letter_log_keep(struct dead_letter_log *log,
                                     const struct dead_letter_put *puts, size_t n, struct err *err);

// The target now has a whole row, or the deletion, of the key as of `place`, or with an empty key a
// truncation: marks the open letters up to it, without waiting. One that stays open by a kill is
// found superseded by a replay.
void dead_letter_log_supersede(struct dead_letter_log *log, const struct dead_letter_place *place,
                               struct slice key);

// --- for the commands ---

// Reads on to the end of the topic; what is closed is kept too. Nothing when there is no topic.
MUST_CHECK bool dead_letter_log_read(struct dead_letter_log *log, struct err *err);

struct dead_letter_book *dead_letter_log_book(struct dead_letter_log *log);
const char *dead_letter_log_topic(const struct dead_letter_log *log);

// The handle that it reads with, for questions; made when it is first needed.
MUST_CHECK bool dead_letter_log_reader(struct dead_letter_log *log, rd_kafka_t **rk,
                                       struct err *err);

// Marks the letter and waits until that is acknowledged.
MUST_CHECK bool dead_letter_log_close(struct dead_letter_log *log,
                                      const struct dead_letter_place *place, const char *outcome,
                                      const char *reason, struct err *err);

#endif
