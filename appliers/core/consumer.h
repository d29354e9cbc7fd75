// SPDX-License-Identifier: Apache-2.0
// Consumer: one membership in the applier's consumer group: from joining it to leaving it. It
// claims each partition that it is given in the target, starts to read where the target's
// checkpoint says, and hands records to the partition's worker. The group's offsets are committed
// behind the target's, for tools that show lag only. Used by one thread.
#ifndef TAILRACE_APPLIERS_CORE_CONSUMER_H
#define TAILRACE_APPLIERS_CORE_CONSUMER_H

#include "appliers/core/topic_end.h"
#include "appliers/core/worker.h"

struct consumer;

struct consumer_options {
    const struct config *config; // all borrowed
    const struct sink_driver *driver;
    const char *group;
    const char *owner;
    struct sink *control; // for claims
    struct dead_letter_log *letters;
    struct worker *const *workers;
    size_t n_workers;
    bool until_caught_up;
    bool tells_progress;       // with until_caught_up: now and then
    const char *const *topics; // only these; NULL: all tables of the source
    size_t n_topics;
};

// Asks the brokers for the topics, then joins. ERR_CONFIG, ERR_UNAVAILABLE, ERR_RETRY, ERR_REFUSED.
MUST_CHECK bool consumer_open(const struct consumer_options *options, struct consumer **consumer,
                              struct err *err);

// Runs until the stop flag is raised or, with until_caught_up, all is applied that the topics held
// at consumer_open. ERR_RETRY: leave and join again; other classes end the process.
MUST_CHECK bool consumer_run(struct consumer *consumer, struct err *err);

// After the workers have ended: commits to the group and leaves it. Waits 10 s for the brokers'
// answer, but no longer than to 700 ms after the stop flag was raised: a member that did not leave
// holds its partitions until its session timeout.
void consumer_leave(struct consumer *consumer);

// After the workers were freed. Takes NULL.
void consumer_free(struct consumer *consumer);

#endif
