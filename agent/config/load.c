#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "config/encoding_name.h"
#include "config/mistakes.h"
#include "config/rules.h"
#include "config/settings.h"
#include "config/substitute.h"
#include "config/validate.h"
#include "config/yaml_doc.h"

enum {
    FILES_MAX = 1000,
    FIREHOSE_RECORD_BYTES_MAX = 1024000, // API reference of PutRecordBatch: 1,000 KiB
    WHY_MAX = 512,
};

struct loader {
    struct io *io;
    const struct config_source *source;
    struct mistakes *mistakes;
    struct yaml_doc **docs; // of the files that could be parsed, in the order of loading
    size_t doc_count;
    struct node **overlays; // maps that were made of maps of several files
    size_t overlay_count;
    struct config *config;
    struct flow_origin *origins;
    bool flows_unusable; // flows are there, but not as a list
};

static const struct setting_path flows_path = {.name = "flows"};

// ---- files ----

static void substitute_node(void *context, struct node *node)
{
    struct loader *loader = context;
    if (strstr(node->text, "${") == NULL) {
        return;
    }
    char why[WHY_MAX];
    struct buf out;
    buf_init(&out, YAML_DOC_TEXT_MAX);
    if (substitute(node->text, loader->source->getenv, &out, why, sizeof why) == 0) {
        free(node->text);
        node->text = xstrndup(buf_slice(&out));
        node->quoted = true;
    } else {
        node->problem = xstrdup(why);
    }
    buf_deinit(&out);
}

static void refuse_file(struct loader *loader, size_t file, int error)
{
    struct mark mark = {.file = file};
    if (error == E_TOO_LARGE) {
        mistakes_add(loader->mistakes, mark, NULL,
                     "larger than 1MiB, which no configuration needs");
    } else if (error == -EISDIR) {
        mistakes_add(loader->mistakes, mark, NULL, "a directory; name a file in it");
    } else if (error == -ESPIPE) {
        mistakes_add(loader->mistakes, mark, NULL, "a pipe or device; only files can be read");
    } else {
        mistakes_add(loader->mistakes, mark, NULL, "cannot be read: %s", error_text(error));
    }
}

// Returns 0 when the file could be read, whatever is in it.
static int load_file(struct loader *loader, const char *path)
{
    size_t file = mistakes_add_file(loader->mistakes, path);
    struct file_stat stat;
    uint8_t *data;
    size_t size;
    int error = loader->io->stat(loader->io, path, true, &stat);
    if (error == 0 && stat.kind == FILE_OTHER) {
        error = -ESPIPE;
    }
    if (error == 0) {
        error = io_read_file(loader->io, path, CONFIG_FILE_BYTES_MAX, &data, &size);
    }
    if (error != 0) {
        refuse_file(loader, file, error);
        return error;
    }
    struct yaml_doc *doc;
    error = yaml_doc_parse(slice_of(data, size), file, loader->mistakes, &doc);
    free(data);
    if (error == 0) {
        yaml_doc_each_text(doc, substitute_node, loader);
        loader->docs = xreallocarray(loader->docs, loader->doc_count + 1, sizeof(void *));
        loader->docs[loader->doc_count++] = doc;
    }
    return 0;
}

struct names {
    char **items;
    size_t count;
};

static int collect_name(void *context, const char *name, enum file_kind kind)
{
    struct names *names = context;
    size_t length = strlen(name);
    bool is_yaml = length > 5 && strcmp(name + length - 5, ".yaml") == 0 && name[0] != '.';
    if (is_yaml && names->count == FILES_MAX) {
        return E_TOO_LARGE;
    }
    if (is_yaml && kind != FILE_DIRECTORY) {
        names->items = xreallocarray(names->items, names->count + 1, sizeof(char *));
        names->items[names->count++] = xstrdup(name);
    }
    return 0;
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void load_dropins(struct loader *loader, const char *dir)
{
    struct names names = {0};
    int error = loader->io->list(loader->io, dir, collect_name, &names);
    if (error != 0 && error != -ENOENT) {
        struct mark mark = {.file = mistakes_add_file(loader->mistakes, dir)};
        mistakes_add(loader->mistakes, mark, NULL, "cannot be read: %s",
                     error == E_TOO_LARGE ? "more than 1000 files" : error_text(error));
    }
    if (names.count != 0) {
        qsort(names.items, names.count, sizeof(char *), compare_texts);
    }
    for (size_t i = 0; i < names.count; i++) {
        char *path = xasprintf("%s/%s", dir, names.items[i]);
        (void)load_file(loader, path);
        free(path);
        free(names.items[i]);
    }
    free(names.items);
}

// ---- several files as one ----

static struct node *new_overlay(struct loader *loader, const struct node *above, size_t count_max)
{
    struct node *node = xcalloc(1, sizeof *node);
    node->kind = NODE_MAP;
    node->mark = above->mark;
    node->keys = xcalloc(count_max, sizeof(struct node *));
    node->items = xcalloc(count_max, sizeof(struct node *));
    loader->overlays =
        xreallocarray(loader->overlays, loader->overlay_count + 1, sizeof(struct node *));
    loader->overlays[loader->overlay_count++] = node;
    return node;
}

// A map with the keys of both; where both have one, `above` wins, and maps are laid over one
// another in turn. Everything else is replaced as a whole.
static struct node *overlay(struct loader *loader, struct node *below, struct node *above)
{
    if (below->kind != NODE_MAP || above->kind != NODE_MAP) {
        return node_is_null(above) ? below : above;
    }
    struct node *both = new_overlay(loader, below, below->count + above->count + 1);
    for (size_t i = 0; i < below->count; i++) {
        both->keys[both->count] = below->keys[i];
        both->items[both->count++] = below->items[i];
    }
    for (size_t i = 0; i < above->count; i++) {
        size_t same = 0;
        while (same < below->count && strcmp(below->keys[same]->text, above->keys[i]->text) != 0) {
            same++;
        }
        if (same < below->count) {
            both->keys[same] = above->keys[i];
            both->items[same] = overlay(loader, below->items[same], above->items[i]);
        } else {
            both->keys[both->count] = above->keys[i];
            both->items[both->count++] = above->items[i];
        }
    }
    return both;
}

static struct node *overlay_all(struct loader *loader)
{
    static const struct node nothing = {.kind = NODE_MAP};
    struct node *top = new_overlay(loader, &nothing, 1);
    for (size_t i = 0; i < loader->doc_count; i++) {
        struct node *root = yaml_doc_root(loader->docs[i]);
        if (root != NULL && root->kind != NODE_MAP) {
            mistakes_add(loader->mistakes, root->mark, NULL,
                         "must be a map of settings, such as \"region: eu-west-1\"");
        } else if (root != NULL) {
            top = overlay(loader, top, root);
        }
    }
    return top;
}

// ---- flows ----

// Only UTF-8 can keep them.
static void resolve_invalid_bytes(struct lines_config *lines, const struct node *flow)
{
    if (lines->encoding != NULL && !encoding_name_is_utf8(lines->encoding) &&
        node_get(flow, "invalid_bytes") == NULL) {
        lines->invalid_bytes = INVALID_BYTES_REPLACE;
    }
}

static void read_flow(struct loader *loader, const struct settings_reader *reader,
                      const struct node *node, size_t index)
{
    struct config *config = loader->config;
    const struct schema_table *table = schema_find(&schema_config, "flows")->table;
    if (config->flow_count == CONFIG_FLOWS_MAX) {
        mistakes_add(loader->mistakes, node->mark, &flows_path, "more than %d flows",
                     CONFIG_FLOWS_MAX);
        return;
    }
    config->flows =
        xreallocarray(config->flows, config->flow_count + 1, sizeof(struct flow_config));
    loader->origins =
        xreallocarray(loader->origins, config->flow_count + 1, sizeof *loader->origins);
    struct flow_config *flow = &config->flows[config->flow_count];
    struct flow_origin *origin = &loader->origins[config->flow_count++];
    *flow = (struct flow_config){0};
    *origin = (struct flow_origin){.node = node, .index = index};
    settings_defaults(table, flow);
    flow->queue = config->queue;

    struct setting_path path = {.parent = &flows_path, .index = index};
    settings_read(reader, &path, table, node, NULL, flow);
    if (flow->to.service == SERVICE_FIREHOSE) {
        flow->to.max_record_size = FIREHOSE_RECORD_BYTES_MAX;
    }
    resolve_invalid_bytes(&flow->record.lines, node);
    validate_flow(loader->mistakes, loader->source->checks, flow, origin);
}

static void read_flows(struct loader *loader, const struct settings_reader *reader,
                       const struct node *root)
{
    const struct node *flows = node_get(root, "flows");
    if (flows == NULL || node_is_null(flows)) {
        return;
    }
    if (flows->kind != NODE_LIST) {
        mistakes_add(loader->mistakes, flows->mark, &flows_path,
                     "must be a list; start each flow with \"- name:\"");
        loader->flows_unusable = true;
        return;
    }
    for (size_t i = 0; i < flows->count; i++) {
        read_flow(loader, reader, flows->items[i], i);
    }
}

// Returns owned text, NULL when the environment names no region or, which is a mistake, no usable
// one.
static char *region_of_environment(struct loader *loader)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    for (size_t i = 0; loader->source->getenv != NULL && i < ARRAY_COUNT(names); i++) {
        const char *value = loader->source->getenv(names[i]);
        if (value == NULL || value[0] == '\0') {
            continue;
        }
        char why[WHY_MAX];
        if (rule_region(loader->source->checks, value, why, sizeof why)) {
            return xstrdup(value);
        }
        struct setting_path path = {.name = "region"};
        mistakes_add(loader->mistakes, (struct mark){.file = 0}, &path, "%s in the environment %s",
                     names[i], why);
        return NULL;
    }
    struct setting_path path = {.name = "region"};
    mistakes_add(loader->mistakes, (struct mark){.file = 0}, &path,
                 "missing; write \"region: eu-west-1\" (or yours) at the top level, or set "
                 "AWS_REGION in the environment");
    return NULL;
}

// Gives each flow the region and endpoint that it does not name itself.
static void resolve_flows(struct loader *loader, const struct node *top)
{
    struct config *config = loader->config;
    bool looked_up = node_get(top, "region") != NULL; // there, if only with a mistake
    for (size_t i = 0; i < config->flow_count; i++) {
        struct destination_config *to = &config->flows[i].to;
        const char *endpoint =
            to->service == SERVICE_FIREHOSE ? config->endpoint_firehose : config->endpoint_kinesis;
        if (to->endpoint == NULL && endpoint != NULL) {
            to->endpoint = xstrdup(endpoint);
        }
        if (to->region == NULL && !looked_up) {
            config->region = region_of_environment(loader);
            looked_up = true;
        }
        if (to->region == NULL && config->region != NULL) {
            to->region = xstrdup(config->region);
        }
    }
}

static void read_all(struct loader *loader)
{
    struct settings_reader reader = {.mistakes = loader->mistakes,
                                     .checks = loader->source->checks};
    struct node *top = overlay_all(loader);
    bool readable = mistakes_count(loader->mistakes) == 0;
    settings_defaults(&schema_config, loader->config);
    settings_read(&reader, NULL, &schema_config, top, "flows", loader->config);
    validate_top(loader->mistakes, top);
    for (size_t i = 0; i < loader->doc_count; i++) {
        read_flows(loader, &reader, yaml_doc_root(loader->docs[i]));
    }
    validate_flows(loader->mistakes, loader->config, loader->origins);
    if (loader->config->flow_count == 0 && readable && !loader->flows_unusable) {
        mistakes_add(loader->mistakes, (struct mark){.file = 0}, &flows_path,
                     "missing; name at least one flow: \"flows: [{name: web, files: [...], to: "
                     "{...}}]\"");
    }
    resolve_flows(loader, top);
}

// ---- all of it ----

static void free_loader(struct loader *loader)
{
    for (size_t i = 0; i < loader->doc_count; i++) {
        yaml_doc_free(loader->docs[i]);
    }
    for (size_t i = 0; i < loader->overlay_count; i++) {
        free(loader->overlays[i]->keys);
        free(loader->overlays[i]->items);
        free(loader->overlays[i]);
    }
    free(loader->docs);
    free(loader->overlays);
    free(loader->origins);
    mistakes_free(loader->mistakes);
}

int config_load(struct io *io, const struct config_source *source, struct config **out_config,
                struct buf *report)
{
    struct loader loader = {.io = io,
                            .source = source,
                            .mistakes = mistakes_create(CONFIG_ERRORS_MAX),
                            .config = xcalloc(1, sizeof(struct config))};
    int error = load_file(&loader, source->path);
    bool main_file = loader.doc_count == 1;
    if (source->dropin_dir != NULL) {
        load_dropins(&loader, source->dropin_dir);
    }
    if (main_file) {
        read_all(&loader);
    }
    if (error == 0 && mistakes_count(loader.mistakes) != 0) {
        error = E_CONFIG;
    }
    if (error == 0) {
        *out_config = loader.config;
    } else {
        mistakes_report(loader.mistakes, report);
        config_free(loader.config);
    }
    free_loader(&loader);
    return error;
}

void config_free(struct config *config)
{
    if (config != NULL) {
        settings_free(&schema_config, config);
        free(config);
    }
}
