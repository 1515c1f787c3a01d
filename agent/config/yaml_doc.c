#include "config/yaml_doc.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/utf8.h"

struct anchor {
    char *name;
    struct node *node;
};

struct yaml_doc {
    struct node *root;
    struct node **nodes; // all of them, which owns them
    bool *is_key;
    size_t count;
    size_t capacity;
};

struct builder {
    yaml_parser_t parser;
    struct slice text;
    size_t file;
    struct mistakes *mistakes;
    struct yaml_doc *doc;
    struct anchor anchors[YAML_DOC_ANCHORS_MAX];
    size_t anchor_count;
    size_t merge_count;
};

// A place in the tree that is being read.
struct place {
    struct setting_path path;
    size_t depth;
};

static struct node *read_node(struct builder *builder, const yaml_event_t *event,
                              const struct place *place);

static struct mark mark_of(const struct builder *builder, const yaml_mark_t *at)
{
    return (struct mark){.file = builder->file, .line = at->line + 1, .column = at->column + 1};
}

// A mistake that ends the reading of this file.
static struct node *refuse(struct builder *builder, const yaml_mark_t *at, const char *why)
{
    mistakes_add(builder->mistakes, mark_of(builder, at), NULL, "%s", why);
    return NULL;
}

static struct node *new_node(struct builder *builder, enum node_kind kind, const yaml_mark_t *at)
{
    struct yaml_doc *doc = builder->doc;
    if (doc->count == YAML_DOC_NODES_MAX) {
        return refuse(builder, at, "too many values in one file; move flows to files in conf.d");
    }
    if (doc->count == doc->capacity) {
        doc->capacity = doc->capacity == 0 ? 64 : doc->capacity * 2;
        doc->nodes = xreallocarray(doc->nodes, doc->capacity, sizeof(struct node *));
        doc->is_key = xreallocarray(doc->is_key, doc->capacity, sizeof *doc->is_key);
    }
    struct node *node = xcalloc(1, sizeof *node);
    node->kind = kind;
    node->mark = mark_of(builder, at);
    node->weight = 1;
    doc->is_key[doc->count] = false;
    doc->nodes[doc->count++] = node;
    return node;
}

static void append_child(struct node *parent, struct node *key, struct node *value)
{
    if (parent->count == parent->capacity) {
        parent->capacity = parent->capacity == 0 ? 4 : parent->capacity * 2;
        parent->items = xreallocarray(parent->items, parent->capacity, sizeof(struct node *));
        if (parent->kind == NODE_MAP) {
            parent->keys = xreallocarray(parent->keys, parent->capacity, sizeof(struct node *));
        }
    }
    if (parent->kind == NODE_MAP) {
        parent->keys[parent->count] = key;
    }
    parent->items[parent->count++] = value;
    parent->weight += value->weight;
    if (parent->height < value->height + 1) {
        parent->height = value->height + 1;
    }
}

// The byte at a place, which libyaml counts in characters, as the text has it; 0 at the end.
static uint8_t byte_at(struct slice text, const yaml_mark_t *at)
{
    size_t line = 0;
    size_t i = 0;
    for (; i < text.size && line < at->line; i++) {
        line += text.data[i] == '\n' ? 1 : 0;
    }
    i += at->column;
    return i < text.size ? text.data[i] : 0;
}

static void refuse_syntax(struct builder *builder)
{
    const yaml_parser_t *parser = &builder->parser;
    const yaml_mark_t *at = &parser->problem_mark;
    const char *problem = parser->problem == NULL ? "not readable" : parser->problem;
    bool bad_start = strstr(problem, "cannot start any token") != NULL;
    uint8_t byte = bad_start ? byte_at(builder->text, at) : 0;
    if (parser->error == YAML_READER_ERROR) {
        mistakes_add(builder->mistakes, (struct mark){.file = builder->file}, NULL,
                     "not YAML: %s, at byte %zu", problem, parser->problem_offset);
    } else if (byte == '\t') {
        refuse(builder, at, "a tab; YAML is indented with spaces only");
    } else if (byte == '%' || byte == '@' || byte == '`') {
        mistakes_add(builder->mistakes, mark_of(builder, at), NULL,
                     "a value that starts with '%c' must be in quotes", byte);
    } else if (parser->context != NULL && parser->context_mark.line != at->line) {
        mistakes_add(builder->mistakes, mark_of(builder, at), NULL,
                     "not YAML: %s (%s from line %zu)", problem, parser->context,
                     parser->context_mark.line + 1);
    } else {
        mistakes_add(builder->mistakes, mark_of(builder, at), NULL, "not YAML: %s", problem);
    }
}

static bool next_event(struct builder *builder, yaml_event_t *event)
{
    if (yaml_parser_parse(&builder->parser, event) == 1) {
        return true;
    }
    refuse_syntax(builder);
    return false;
}

static bool add_anchor(struct builder *builder, const yaml_char_t *name, struct node *node,
                       const yaml_mark_t *at)
{
    if (name == NULL) {
        return true;
    }
    if (builder->anchor_count == YAML_DOC_ANCHORS_MAX) {
        refuse(builder, at, "too many anchors (&name) in one file");
        return false;
    }
    builder->anchors[builder->anchor_count++] =
        (struct anchor){.name = xstrdup((const char *)name), .node = node};
    return true;
}

static struct node *read_alias(struct builder *builder, const yaml_event_t *event,
                               const struct place *place)
{
    const char *name = (const char *)event->data.alias.anchor;
    for (size_t i = builder->anchor_count; i-- > 0;) {
        struct node *node = builder->anchors[i].node;
        if (strcmp(builder->anchors[i].name, name) != 0) {
            continue;
        }
        if (!node->complete) {
            return refuse(builder, &event->start_mark, "an alias to a value that it is part of");
        }
        if (place->depth + node->height > YAML_DOC_DEPTH_MAX) {
            return refuse(builder, &event->start_mark, "nested too deeply");
        }
        return node;
    }
    mistakes_add(builder->mistakes, mark_of(builder, &event->start_mark), NULL,
                 "no anchor &%s before this alias; a value that starts with '*' must be in quotes",
                 name);
    return NULL;
}

static struct node *read_text(struct builder *builder, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    size_t size = event->data.scalar.length;
    if (size > YAML_DOC_TEXT_MAX) {
        return refuse(builder, &event->start_mark, "a value of more than 16 KiB");
    }
    if (memchr(value, '\0', size) != NULL) {
        return refuse(builder, &event->start_mark, "a NUL byte in a value");
    }
    struct node *node = new_node(builder, NODE_TEXT, &event->start_mark);
    if (node != NULL) {
        node->text = xstrndup(slice_of(value, size));
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        node->complete = true;
    }
    return node;
}

// `above` at the top is no link of a path.
static struct place place_below(const struct place *above, const char *name, size_t index)
{
    return (struct place){
        .path = {.parent = above->depth == 0 ? NULL : &above->path, .name = name, .index = index},
        .depth = above->depth + 1};
}

static bool is_merge_key(const struct node *key)
{
    return !key->quoted && strcmp(key->text, "<<") == 0;
}

static size_t find_key(const struct node *map, const char *key)
{
    size_t i = 0;
    while (i < map->count && strcmp(map->keys[i]->text, key) != 0) {
        i++;
    }
    return i;
}

static bool has_room(struct builder *builder, const struct node *parent, const struct node *child,
                     const yaml_mark_t *at)
{
    if (parent->kind == NODE_MAP && parent->count == YAML_DOC_KEYS_MAX) {
        refuse(builder, at, "too many keys in one map");
        return false;
    }
    if (parent->weight + child->weight > YAML_DOC_NODES_MAX) {
        refuse(builder, at, "too many values in one file; move flows to files in conf.d");
        return false;
    }
    return true;
}

// "<<: *other" (YAML 1.1, merge key): the keys of the other map that this one does not have.
static bool merge(struct builder *builder, struct node *map, const struct node *key,
                  const struct node *other, const yaml_mark_t *at)
{
    if (other->kind == NODE_LIST) {
        for (size_t i = 0; i < other->count; i++) {
            if (!merge(builder, map, key, other->items[i], at)) {
                return false;
            }
        }
        return true;
    }
    if (other->kind != NODE_MAP) {
        mistakes_add(builder->mistakes, key->mark, NULL,
                     "\"<<\" must be followed by a map or a list of maps");
        return true;
    }
    if (builder->merge_count++ == YAML_DOC_MERGES_MAX) {
        refuse(builder, at, "too many merges (<<) in one file");
        return false;
    }
    for (size_t i = 0; i < other->count; i++) {
        if (find_key(map, other->keys[i]->text) == map->count) {
            if (!has_room(builder, map, other->items[i], at)) {
                return false;
            }
            append_child(map, other->keys[i], other->items[i]);
        }
    }
    return true;
}

static struct node *read_key(struct builder *builder, const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT) {
        return refuse(builder, &event->start_mark,
                      "a key must be a word; a value that starts with '{', '[' or '*' must be in "
                      "quotes");
    }
    struct node *key = read_text(builder, event);
    if (key != NULL) {
        builder->doc->is_key[builder->doc->count - 1] = true;
    }
    return key;
}

static bool add_pair(struct builder *builder, struct node *map, struct node *key,
                     struct node *value, const struct place *place)
{
    size_t same = find_key(map, key->text);
    if (same < map->count) {
        mistakes_add(builder->mistakes, key->mark, &place->path, "set twice; first in line %zu",
                     map->keys[same]->mark.line);
        return true;
    }
    yaml_mark_t at = {.line = key->mark.line - 1, .column = key->mark.column - 1};
    if (!has_room(builder, map, value, &at)) {
        return false;
    }
    append_child(map, key, value);
    return true;
}

// Reads one pair of a map whose key is `event`. Merges are kept for the end of the map, because
// what the map says itself wins.
static bool read_pair(struct builder *builder, struct node *map, struct node *merges,
                      const yaml_event_t *event, const struct place *place)
{
    struct node *key = read_key(builder, event);
    yaml_event_t next;
    if (key == NULL || !next_event(builder, &next)) {
        return false;
    }
    struct place here = place_below(place, key->text, 0);
    struct node *value = read_node(builder, &next, &here);
    yaml_event_delete(&next);
    if (value == NULL) {
        return false;
    }
    if (is_merge_key(key)) {
        append_child(merges, key, value);
        return true;
    }
    return add_pair(builder, map, key, value, &here);
}

static bool read_children(struct builder *builder, struct node *parent, struct node *merges,
                          const struct place *place)
{
    bool is_map = parent->kind == NODE_MAP;
    yaml_event_type_t end = is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    for (;;) {
        yaml_event_t event;
        if (!next_event(builder, &event)) {
            return false;
        }
        bool at_end = event.type == end;
        bool ok = true;
        if (!at_end && is_map) {
            ok = read_pair(builder, parent, merges, &event, place);
        } else if (!at_end) {
            struct place here = place_below(place, NULL, parent->count);
            struct node *item = read_node(builder, &event, &here);
            ok = item != NULL && has_room(builder, parent, item, &event.start_mark);
            if (ok) {
                append_child(parent, NULL, item);
            }
        }
        yaml_event_delete(&event);
        if (!ok || at_end) {
            return ok;
        }
    }
}

static struct node *read_collection(struct builder *builder, const yaml_event_t *event,
                                    const struct place *place)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    if (place->depth == YAML_DOC_DEPTH_MAX) {
        return refuse(builder, &event->start_mark, "nested too deeply");
    }
    struct node *node = new_node(builder, is_map ? NODE_MAP : NODE_LIST, &event->start_mark);
    const yaml_char_t *anchor =
        is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    if (node == NULL || !add_anchor(builder, anchor, node, &event->start_mark)) {
        return NULL;
    }
    struct node merges = {.kind = NODE_MAP};
    bool ok = read_children(builder, node, &merges, place);
    for (size_t i = 0; ok && i < merges.count; i++) {
        ok = merge(builder, node, merges.keys[i], merges.items[i], &event->start_mark);
    }
    free(merges.keys);
    free(merges.items);
    node->complete = true;
    return ok ? node : NULL;
}

static bool has_tag(const yaml_event_t *event)
{
    const yaml_char_t *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        tag = event->data.mapping_start.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        tag = event->data.sequence_start.tag;
    }
    return tag != NULL;
}

// Reads the node that starts with `event`; NULL after a mistake that ends the reading.
static struct node *read_node(struct builder *builder, const yaml_event_t *event,
                              const struct place *place)
{
    if (has_tag(event)) {
        return refuse(builder, &event->start_mark,
                      "tags (!name) mean nothing here; a value that starts with '!' must be in "
                      "quotes");
    }
    if (event->type == YAML_ALIAS_EVENT) {
        return read_alias(builder, event, place);
    }
    if (event->type == YAML_SCALAR_EVENT) {
        struct node *node = read_text(builder, event);
        bool ok = node != NULL &&
                  add_anchor(builder, event->data.scalar.anchor, node, &event->start_mark);
        return ok ? node : NULL;
    }
    return read_collection(builder, event, place);
}

// Reads the events of the stream: at most one document.
static bool read_stream(struct builder *builder)
{
    const struct place top = {.depth = 0};
    bool at_end = false;
    bool ok = true;
    size_t documents = 0;
    while (ok && !at_end) {
        yaml_event_t event;
        if (!next_event(builder, &event)) {
            return false;
        }
        if (event.type == YAML_STREAM_END_EVENT) {
            at_end = true;
        } else if (event.type == YAML_DOCUMENT_START_EVENT) {
            if (++documents > 1) {
                refuse(builder, &event.start_mark,
                       "a second document starts here; keep one a file");
                ok = false;
            }
        } else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_END_EVENT) {
            builder->doc->root = read_node(builder, &event, &top);
            ok = builder->doc->root != NULL;
        }
        yaml_event_delete(&event);
    }
    return ok;
}

static bool check_encoding(struct slice text, size_t file, struct mistakes *mistakes)
{
    size_t valid = utf8_valid_prefix(text);
    if (valid == text.size) {
        return true;
    }
    struct mark mark = {.file = file, .line = 1, .column = 1};
    for (size_t i = 0; i < valid; i++) {
        bool newline = text.data[i] == '\n';
        mark.line += newline ? 1 : 0;
        mark.column = newline ? 1 : mark.column + ((text.data[i] & 0xc0) != 0x80 ? 1 : 0);
    }
    mistakes_add(mistakes, mark, NULL, "not UTF-8 (byte 0x%02x); save the file as UTF-8",
                 text.data[valid]);
    return false;
}

int yaml_doc_parse(struct slice text, size_t file, struct mistakes *mistakes,
                   struct yaml_doc **out_doc)
{
    if (!check_encoding(text, file, mistakes)) {
        return E_CONFIG;
    }
    struct builder *builder = xcalloc(1, sizeof *builder);
    builder->text = text;
    builder->file = file;
    builder->mistakes = mistakes;
    builder->doc = xcalloc(1, sizeof *builder->doc);
    ASSERT(yaml_parser_initialize(&builder->parser) == 1);
    yaml_parser_set_encoding(&builder->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&builder->parser, text.data, text.size);

    bool ok = read_stream(builder);

    yaml_parser_delete(&builder->parser);
    for (size_t i = 0; i < builder->anchor_count; i++) {
        free(builder->anchors[i].name);
    }
    if (ok) {
        *out_doc = builder->doc;
    } else {
        yaml_doc_free(builder->doc);
    }
    free(builder);
    return ok ? 0 : E_CONFIG;
}

void yaml_doc_free(struct yaml_doc *doc)
{
    if (doc == NULL) {
        return;
    }
    for (size_t i = 0; i < doc->count; i++) {
        free(doc->nodes[i]->text);
        free(doc->nodes[i]->problem);
        free(doc->nodes[i]->keys);
        free(doc->nodes[i]->items);
        free(doc->nodes[i]);
    }
    free(doc->nodes);
    free(doc->is_key);
    free(doc);
}

struct node *yaml_doc_root(struct yaml_doc *doc)
{
    return doc->root;
}

void yaml_doc_each_text(struct yaml_doc *doc, void (*each)(void *context, struct node *node),
                        void *context)
{
    for (size_t i = 0; i < doc->count; i++) {
        if (doc->nodes[i]->kind == NODE_TEXT && !doc->is_key[i]) {
            each(context, doc->nodes[i]);
        }
    }
}

const struct node *node_get(const struct node *map, const char *key)
{
    if (map == NULL || map->kind != NODE_MAP) {
        return NULL;
    }
    size_t i = find_key(map, key);
    return i < map->count ? map->items[i] : NULL;
}

bool node_is_null(const struct node *node)
{
    return node->kind == NODE_TEXT && !node->quoted &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
            strcmp(node->text, "null") == 0);
}
