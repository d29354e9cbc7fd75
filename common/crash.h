// SPDX-License-Identifier: Apache-2.0
// Crash points: places where a test kills the process, each a step between reading and committing.
// They are there only when built with TAILRACE_CRASH_POINTS (make crash-points); else CRASH_POINT()
// is nothing. The environment says where:
//   TAILRACE_CRASH_AT=NAME[:NTH]   SIGKILL when the point is passed for the NTH time (1)
//   TAILRACE_STOP_AT=NAME[:NTH]    SIGSTOP there; SIGCONT goes on
// The table is all there are; tests/crash/test_points.py reads it and reaches each.
#ifndef TAILRACE_COMMON_CRASH_H
#define TAILRACE_COMMON_CRASH_H

// clang-format off
#define CRASH_POINTS(X)                                                                            \
    /* publisher: from the event to the commit in Kafka */                                         \
    X(publish_lane_taken)         /* one of the two transactional.ids is taken over, or both */    \
    X(publish_fenced_older)       /* older publishers are fenced, no checkpoint is read yet */   \
    X(publish_started)            /* the first checkpoint is written, nothing is read yet */       \
    X(publish_event_read)         /* the reader has handed an item out */                          \
    X(publish_topic_created)      /* a topic is there, the checkpoint does not know it */          \
    X(publish_transaction_begun)  /* a Kafka transaction is open, nothing is in it */              \
    X(publish_message_sent)       /* one message of perhaps several of a change */                 \
    X(publish_change_sent)        /* all messages of a change */                                   \
    X(publish_commit_due)         /* before the checkpoint is sent */                              \
    X(publish_checkpoint_sent)    /* it is sent, the transaction is open yet */                    \
    X(publish_all_acknowledged)   /* all is in Kafka, the transaction is open yet */               \
    X(publish_committed)          /* the transaction is committed, we do not know it yet */        \
    /* appliers: from polling to the commit in the target */                                       \
    X(apply_claimed)              /* a partition is ours in the target, nothing is read */         \
    X(apply_polled)               /* a record is ours, no worker has it */                         \
    X(apply_taken)                /* a worker has taken records */                                 \
    X(apply_batch_made)           /* they are a batch */                                           \
    X(mongodb_transaction_begun)  /* nothing is in it */                                           \
    X(mongodb_checkpoint_moved)   /* within the transaction */                                     \
    X(mongodb_written)            /* all effects are in the transaction */                         \
    X(mongodb_committed)          /* the target has it, we do not know it yet */                   \
    X(redis_checked)              /* the checkpoint is watched and found good */                   \
    X(redis_effect_added)         /* one effect of perhaps several is in the pipeline */           \
    X(redis_sent)                 /* all of it, with EXEC; some may lie in our buffer */           \
    X(redis_executed)             /* EXEC has answered */                                          \
    X(apply_applied)              /* the target has it, the lane does not know it */               \
    X(apply_group_told)           /* the group's offsets are on their way */                       \
    /* truncations, dead letters and their replay */                                               \
    X(truncate_stepped)           /* some objects are gone */                                      \
    X(truncate_emptied)           /* all are, the checkpoint stands before the truncation */       \
    X(letter_sent)                /* letters are on their way */                                   \
    X(letter_kept)                /* Kafka has them, their batch is not written */                 \
    X(letter_superseded)          /* the mark of a letter that is void is on its way */            \
    X(replay_judged)              /* a letter is to be applied */                                  \
    X(replay_applied)             /* the target has it, it is open */                              \
    X(replay_closed)              /* it is marked */                                               \
    /* a rebuild of a target: from its first mark in the target to the last */                     \
    X(rebuild_begun)              /* the target knows of it, nothing is filled */                  \
    X(rebuild_filled)             /* all is filled, the applier could still go on */               \
    X(rebuild_fenced)             /* no applier can write any more, nothing is in place */         \
    X(rebuild_mongodb_renamed)    /* one collection of several is in place */                      \
    X(rebuild_mongodb_buried)     /* tombstones of one table are */                                \
    X(rebuild_redis_removed)      /* some keys that are not in the rebuild are gone */             \
    X(rebuild_redis_compared)     /* all of them are */                                            \
    X(rebuild_redis_renamed)      /* some keys are in place */                                     \
    X(rebuild_swapped)            /* all is in place, the checkpoints are not set */               \
    X(rebuild_ended)              /* they are, the consumer group does not know it */              \
    /* giving one up */                                                                            \
    X(rebuild_discarding)         /* the checkpoints are gone, what was filled is there */
// clang-format on

#ifdef TAILRACE_CRASH_POINTS

enum crash_point {
#define CRASH_ENUM(name) CRASH_##name,
    CRASH_POINTS(CRASH_ENUM)
#undef CRASH_ENUM
        CRASH_N_POINTS
};

// Any thread.
void crash_here(enum crash_point point);

#define CRASH_POINT(name) crash_here(CRASH_##name)

#else

#define CRASH_POINT(name) ((void)0)

#endif
#endif
