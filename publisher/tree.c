// SPDX-License-Identifier: Apache-2.0
// Tree: see tree.h.
#include "publisher/tree.h"

#include "common/mem.h"

#include <stdlib.h>

#define SHOWN_BYTES 200

yajl_val tree_parse(struct slice json, const char *what, struct err *err)
{
    char reason[256] = "";
    char *text = mem_strndup(json.ptr, json.len);
    yajl_val tree = yajl_tree_parse(text, reason, sizeof reason);
    free(text);
    if (tree && YAJL_IS_OBJECT(tree))
        return tree;
    yajl_tree_free(tree);
    err_set(err, ERR_CORRUPT, "%s \"%.*s\" is no JSON object", what,
            (int)(json.len < SHOWN_BYTES ? json.len : SHOWN_BYTES), (const char *)json.ptr);
    return NULL;
}

static yajl_val member_of(yajl_val tree, const char *name, yajl_type type)
{
    const char *path[] = {name, NULL};
    return yajl_tree_get(tree, path, type);
}

const char *tree_text(yajl_val tree, const char *name)
{
    yajl_val member = member_of(tree, name, yajl_t_string);
    return member ? YAJL_GET_STRING(member) : NULL;
}

int64_t tree_number(yajl_val tree, const char *name)
{
    yajl_val member = member_of(tree, name, yajl_t_number);
    bool good = member && YAJL_IS_INTEGER(member) && YAJL_GET_INTEGER(member) >= 0;
    return good ? YAJL_GET_INTEGER(member) : -1;
}

bool tree_flag(yajl_val tree, const char *name)
{
    return YAJL_IS_TRUE(member_of(tree, name, yajl_t_any));
}

yajl_val tree_array(yajl_val tree, const char *name)
{
    return member_of(tree, name, yajl_t_array);
}

bool tree_version(yajl_val tree, int known, struct err *err)
{
    int64_t version = tree_number(tree, "version");
    if (version > known)
        return err_set(err, ERR_UNSUPPORTED,
                       "version %lld, written by a later tailrace; this one knows %d",
                       (long long)version, known);
    return version == known || err_set(err, ERR_CORRUPT, "member \"version\" is missing");
}
