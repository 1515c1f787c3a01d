// One YAML file as a bounded tree in which every node knows its place. Knows nothing of settings.
//
// Diagnostics: what is wrong with the file is added to the mistakes, never more than one mistake of
// syntax a file. Nothing in a file makes it slow: size, depth, keys of a map, anchors and the tree
// that aliases unfold to are limited.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "config/mistakes.h"

enum {
    YAML_DOC_DEPTH_MAX = 16,
    YAML_DOC_KEYS_MAX = 256,     // of one map
    YAML_DOC_TEXT_MAX = 16384,   // bytes of one value
    YAML_DOC_ANCHORS_MAX = 100,  // &name
    YAML_DOC_MERGES_MAX = 1000,  // <<: *name
    YAML_DOC_NODES_MAX = 100000, // with every alias (*name) counted as what it stands for
};

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    struct mark mark;
    char *text;          // NODE_TEXT: UTF-8 without NUL
    bool quoted;         // NODE_TEXT: in quotes or a block, so that "null" is a word
    char *problem;       // NODE_TEXT: why the text is of no use, for whoever reads it; NULL: none
    struct node **keys;  // NODE_MAP: NODE_TEXT each, in the order of the file
    struct node **items; // NODE_LIST: elements, NODE_MAP: values
    size_t count;
    size_t capacity;
    size_t height; // levels below
    size_t weight; // nodes with everything below
    bool complete;
};

struct yaml_doc; // opaque

// Parses `text`, which is the content of file number `file` of the mistakes. The same node may
// stand in several places (aliases), never below itself. `out_doc` is owned by the caller. Returns
// E_CONFIG when the text is not usable at all; a mistake that leaves the rest readable (a duplicate
// key) only shows in the mistakes.
NODISCARD int yaml_doc_parse(struct slice text, size_t file, struct mistakes *mistakes,
                             struct yaml_doc **out_doc);
void yaml_doc_free(struct yaml_doc *doc);

// The top of the tree, NULL when the file holds nothing but comments.
struct node *yaml_doc_root(struct yaml_doc *doc);
// Calls `each` once for every value (not key) that is a NODE_TEXT.
void yaml_doc_each_text(struct yaml_doc *doc, void (*each)(void *context, struct node *node),
                        void *context);

// Value of a key, NULL when it is not there or the node is no map.
const struct node *node_get(const struct node *map, const char *key);
// Whether the node says "no value": empty, ~ or null, not quoted.
bool node_is_null(const struct node *node);
