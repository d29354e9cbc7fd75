// SPDX-License-Identifier: Apache-2.0
// Standby: waits while another publisher of the same name is alive.
//
// A publisher writes its checkpoint at least every [publish] checkpoint_time. One that has written
// nothing to the checkpoint's topic for three times as long gives no sign of life, and one that
// ended in good order has said so. Time is measured here, by what arrives: clocks of two machines
// are not compared. While Kafka does not answer nothing is known, so nobody takes over. A mistake
// does no harm: whoever starts fences the other.
#ifndef TAILRACE_PUBLISHER_STANDBY_H
#define TAILRACE_PUBLISHER_STANDBY_H

#include "common/config.h"
#include "common/err.h"

// Returns when no other publisher is alive; ERR_STOPPED when the stop flag was raised. Refuses
// first what the configuration and the source would make publishing fail with.
MUST_CHECK bool standby_wait(const struct config *config, struct err *err);

#endif
