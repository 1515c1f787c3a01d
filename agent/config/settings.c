#include "config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "config/nearest.h"
#include "config/value.h"

enum { WHY_MAX = 512, KEYS_TEXT_MAX = 2048 };

static void complain(const struct settings_reader *reader, const struct node *node,
                     const struct setting_path *path, const char *why)
{
    mistakes_add(reader->mistakes, node->mark, path, "%s", why);
}

static void append_keys(const struct schema_table *table, struct buf *out)
{
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        buf_appendf(out, "%s%s", field == table->fields ? "" : ", ", field->name);
    }
}

// The name that an unknown key was probably meant to be, NULL for none.
static const char *meant_by(const struct schema_table *table, const char *key)
{
    struct nearest nearest = {.word = key};
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        nearest_offer(&nearest, field->name);
    }
    return nearest.best;
}

static void complain_unknown(const struct settings_reader *reader, const struct setting_path *path,
                             const struct schema_table *table, const struct node *key)
{
    const char *meant = meant_by(table, key->text);
    struct setting_path here = {.parent = path, .name = key->text};
    struct buf why;
    buf_init(&why, KEYS_TEXT_MAX);
    if (meant != NULL) {
        buf_appendf(&why, "unknown key; did you mean \"%s\"?", meant);
    } else {
        buf_append_text(&why, "unknown key; known here: ");
        append_keys(table, &why);
    }
    complain(reader, key, &here, buf_text(&why));
    buf_deinit(&why);
}

// Whether a key of the map is a misspelling of the field, which is a mistake of its own.
static bool is_misspelt(const struct schema_table *table, const struct node *map,
                        const struct schema_field *field)
{
    for (size_t i = 0; i < map->count; i++) {
        const char *key = map->keys[i]->text;
        if (schema_find(table, key) == NULL && meant_by(table, key) == field->name) {
            return true;
        }
    }
    return false;
}

static void complain_missing(const struct settings_reader *reader, const struct setting_path *path,
                             const struct schema_field *field, const struct node *node)
{
    struct setting_path here = {.parent = path, .name = field->name};
    char why[WHY_MAX];
    if (field->example == NULL) {
        snprintf(why, sizeof why, "missing");
    } else {
        snprintf(why, sizeof why, "missing; for example %s: %s", field->name, field->example);
    }
    complain(reader, node, &here, why);
}

// At least one of the fields with SCHEMA_ANY_REQUIRED must be there, or be meant by a key that is.
static void check_any_required(const struct settings_reader *reader,
                               const struct setting_path *path, const struct schema_table *table,
                               const struct node *node)
{
    struct buf why;
    buf_init(&why, KEYS_TEXT_MAX);
    const struct schema_field *first = NULL;
    bool present = false;
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        if ((field->flags & SCHEMA_ANY_REQUIRED) != 0) {
            buf_appendf(&why, "%s%s", first == NULL ? "needs at least one of " : ", ", field->name);
            present |= node_get(node, field->name) != NULL || is_misspelt(table, node, field);
            first = first == NULL ? field : first;
        }
    }
    if (first != NULL && !present) {
        buf_appendf(&why, "; for example %s: %s", first->name, first->example);
        complain(reader, node, path, buf_text(&why));
    }
    buf_deinit(&why);
}

static void *member(void *base, size_t offset)
{
    return (char *)base + offset;
}

// ---- defaults and freeing ----

static void set_fallback(const struct schema_field *field, void *base)
{
    char why[WHY_MAX];
    int error = value_parse(field, field->fallback, base, why, sizeof why);
    ASSERT(error == 0);
}

void settings_defaults(const struct schema_table *table, void *base)
{
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        if (field->type == SCHEMA_MAP) {
            settings_defaults(field->table, member(base, field->offset));
        } else if (field->fallback != NULL) {
            set_fallback(field, base);
        }
    }
}

static void free_texts(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct string_list){0};
}

static void free_list(const struct schema_field *field, void *base)
{
    void **items = member(base, field->offset);
    size_t *count = member(base, field->second_offset);
    for (size_t i = 0; i < *count; i++) {
        settings_free(field->table, (char *)*items + i * field->table->struct_size);
    }
    free(*items);
    *items = NULL;
    *count = 0;
}

void settings_free(const struct schema_table *table, void *base)
{
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        if (field->type == SCHEMA_TEXT || field->type == SCHEMA_WORD) {
            char **text = value_text(field, base);
            free(*text);
            *text = NULL;
        } else if (field->type == SCHEMA_TEXTS) {
            free_texts(value_texts(field, base));
        } else if (field->type == SCHEMA_MAP) {
            settings_free(field->table, member(base, field->offset));
        } else if (field->type == SCHEMA_CHOICE_OR_MAP) {
            settings_free(field->table, base);
        } else if (field->type == SCHEMA_LIST) {
            free_list(field, base);
        }
    }
}

// ---- reading ----

static bool check_text(const struct settings_reader *reader, const struct setting_path *path,
                       const struct schema_field *field, const struct node *node)
{
    char why[WHY_MAX] = "";
    bool special = (field->flags & SCHEMA_NONE_IS_EMPTY) != 0 && node->text[0] == '\0';
    if (special) {
        complain(reader, node, path, "must not be empty; write none");
        return false;
    }
    bool tab = field->type == SCHEMA_CHARACTER && strcmp(node->text, "tab") == 0;
    if (field->check == NULL || tab || field->check(reader->checks, node->text, why, sizeof why)) {
        return true;
    }
    complain(reader, node, path, why);
    return false;
}

static void read_scalar(const struct settings_reader *reader, const struct setting_path *path,
                        const struct schema_field *field, const struct node *node, void *base)
{
    char why[WHY_MAX];
    if (node->kind != NODE_TEXT) {
        snprintf(why, sizeof why, "must be a single value, not a %s",
                 node->kind == NODE_MAP ? "map" : "list");
        complain(reader, node, path, why);
    } else if (node_is_null(node)) {
        complain(reader, node, path, "has no value; give it one, or leave the key out");
    } else if (check_text(reader, path, field, node) &&
               value_parse(field, node->text, base, why, sizeof why) != 0) {
        complain(reader, node, path, why);
    }
}

static void read_text_item(const struct settings_reader *reader, const struct setting_path *path,
                           const struct schema_field *field, const struct node *node,
                           struct string_list *list)
{
    if (node->problem != NULL) {
        complain(reader, node, path, node->problem);
    } else if (node->kind != NODE_TEXT || node_is_null(node)) {
        complain(reader, node, path, "must be a text");
    } else if (check_text(reader, path, field, node)) {
        list->items[list->count++] = xstrdup(node->text);
    }
}

// The elements of a list; anything else counts as a list of that one thing, nothing as an empty
// one.
struct elements {
    const struct node *const *items;
    size_t count;
    bool is_list;
};

static bool open_list(const struct settings_reader *reader, const struct setting_path *path,
                      const struct schema_field *field, const struct node *const *node,
                      struct elements *out_elements)
{
    bool is_list = (*node)->kind == NODE_LIST;
    struct elements elements = {.items = node, .count = 1, .is_list = is_list};
    if (is_list) {
        elements.items = (const struct node *const *)(*node)->items;
        elements.count = (*node)->count;
    } else if (node_is_null(*node)) {
        elements.count = 0;
    }
    if (elements.count < field->min || elements.count > field->max) {
        char why[WHY_MAX];
        snprintf(why, sizeof why, "must have %s %llu %s, not %zu",
                 elements.count < field->min ? "at least" : "at most",
                 (unsigned long long)(elements.count < field->min ? field->min : field->max),
                 elements.count < field->min && field->min == 1 ? "element" : "elements",
                 elements.count);
        complain(reader, *node, path, why);
        return false;
    }
    *out_elements = elements;
    return true;
}

static void read_texts(const struct settings_reader *reader, const struct setting_path *path,
                       const struct schema_field *field, const struct node *node, void *base)
{
    struct string_list *list = value_texts(field, base);
    struct elements elements;
    if (!open_list(reader, path, field, &node, &elements)) {
        return;
    }
    free_texts(list);
    if (elements.count != 0) {
        list->items = xcalloc(elements.count, sizeof(char *));
    }
    for (size_t i = 0; i < elements.count; i++) {
        struct setting_path here = {.parent = path, .index = i};
        read_text_item(reader, elements.is_list ? &here : path, field, elements.items[i], list);
    }
}

static void read_list(const struct settings_reader *reader, const struct setting_path *path,
                      const struct schema_field *field, const struct node *node, void *base)
{
    struct elements elements;
    if (!open_list(reader, path, field, &node, &elements)) {
        return;
    }
    free_list(field, base);
    size_t size = field->table->struct_size;
    char *items = elements.count == 0 ? NULL : xcalloc(elements.count, size);
    for (size_t i = 0; i < elements.count; i++) {
        struct setting_path here = {.parent = path, .index = i};
        settings_defaults(field->table, items + i * size);
        settings_read(reader, elements.is_list ? &here : path, field->table, elements.items[i],
                      NULL, items + i * size);
    }
    *(void **)member(base, field->offset) = items;
    *(size_t *)member(base, field->second_offset) = elements.count;
}

static void read_field(const struct settings_reader *reader, const struct setting_path *parent,
                       const struct schema_field *field, const struct node *node, void *base)
{
    struct setting_path path = {.parent = parent, .name = field->name};
    if (node->problem != NULL) {
        complain(reader, node, &path, node->problem);
    } else if (field->type == SCHEMA_MAP) {
        settings_read(reader, &path, field->table, node, NULL, member(base, field->offset));
    } else if (field->type == SCHEMA_CHOICE_OR_MAP && node->kind == NODE_MAP) {
        *value_enum(field, base) = field->tag;
        settings_read(reader, &path, field->table, node, NULL, base);
    } else if (field->type == SCHEMA_TEXTS) {
        read_texts(reader, &path, field, node, base);
    } else if (field->type == SCHEMA_LIST) {
        read_list(reader, &path, field, node, base);
    } else {
        read_scalar(reader, &path, field, node, base);
    }
}

static void complain_no_map(const struct settings_reader *reader, const struct setting_path *path,
                            const struct schema_table *table, const struct node *node)
{
    struct buf why;
    buf_init(&why, KEYS_TEXT_MAX);
    buf_append_text(&why, table->one_of ? "must be a map with exactly one of "
                                        : "must be a map of settings: ");
    append_keys(table, &why);
    complain(reader, node, path, buf_text(&why));
    buf_deinit(&why);
}

static void read_keys(const struct settings_reader *reader, const struct setting_path *path,
                      const struct schema_table *table, const struct node *node, const char *skip,
                      void *base)
{
    for (size_t i = 0; i < node->count; i++) {
        const char *key = node->keys[i]->text;
        const struct schema_field *field = schema_find(table, key);
        if (field == NULL) {
            complain_unknown(reader, path, table, node->keys[i]);
        } else if (skip == NULL || strcmp(skip, key) != 0) {
            read_field(reader, path, field, node->items[i], base);
        }
    }
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        bool skipped = skip != NULL && strcmp(skip, field->name) == 0;
        if ((field->flags & SCHEMA_REQUIRED) != 0 && !skipped &&
            node_get(node, field->name) == NULL && !is_misspelt(table, node, field)) {
            complain_missing(reader, path, field, node);
        }
    }
    check_any_required(reader, path, table, node);
}

// A table of which exactly one field is present: {json: {keep: [a]}}, {json: true}, or just json.
static void read_one_of(const struct settings_reader *reader, const struct setting_path *path,
                        const struct schema_table *table, const struct node *node, void *base)
{
    static const struct node empty_map = {.kind = NODE_MAP};
    bool is_word = node->kind == NODE_TEXT;
    const struct schema_field *field = is_word ? schema_find(table, node->text) : NULL;
    if (node->kind == NODE_MAP && node->count == 1) {
        field = schema_find(table, node->keys[0]->text);
        if (field == NULL) {
            complain_unknown(reader, path, table, node->keys[0]);
            return;
        }
    }
    if (field == NULL || (is_word && field->type != SCHEMA_MAP)) {
        complain_no_map(reader, path, table, node);
        return;
    }
    const struct node *value = is_word ? node : node->items[0];
    struct node nothing = empty_map;
    nothing.mark = value->mark;
    bool is_true = value->kind == NODE_TEXT && strcmp(value->text, "true") == 0;
    if (field->type == SCHEMA_MAP && (is_word || is_true)) {
        value = &nothing;
    }
    *(unsigned *)member(base, table->tag_offset) = field->tag;
    read_field(reader, path, field, value, base);
}

void settings_read(const struct settings_reader *reader, const struct setting_path *path,
                   const struct schema_table *table, const struct node *node, const char *skip,
                   void *base)
{
    if (table->one_of) {
        read_one_of(reader, path, table, node, base);
        return;
    }
    struct node empty = {.kind = NODE_MAP, .mark = node->mark};
    if (node_is_null(node)) {
        node = &empty;
    }
    if (node->kind != NODE_MAP) {
        complain_no_map(reader, path, table, node);
        return;
    }
    read_keys(reader, path, table, node, skip, base);
}
