// SPDX-License-Identifier: Apache-2.0
// Tree: the small JSON objects of the publisher's own topics (checkpoint, control), member by
// member. What is not there, or not of the type asked for, is NULL or -1: the caller says what that
// means.
#ifndef TAILRACE_PUBLISHER_TREE_H
#define TAILRACE_PUBLISHER_TREE_H

#include "common/err.h"
#include "common/slice.h"

#include <yajl/yajl_tree.h>

// An object, to be freed with yajl_tree_free. NULL and ERR_CORRUPT, with `what` in the text.
yajl_val tree_parse(struct slice json, const char *what, struct err *err);

const char *tree_text(yajl_val tree, const char *name); // borrowed from the tree
int64_t tree_number(yajl_val tree, const char *name);   // an integer from 0, else -1
bool tree_flag(yajl_val tree, const char *name);        // true only where it is true
yajl_val tree_array(yajl_val tree, const char *name);   // NULL: no array

// Member "version" up to `known`. ERR_UNSUPPORTED for a later one, ERR_CORRUPT where it is missing.
MUST_CHECK bool tree_version(yajl_val tree, int known, struct err *err);

#endif
