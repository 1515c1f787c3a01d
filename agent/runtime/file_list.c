#include "runtime/file_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_write.h"

void file_list_init(struct file_list *list)
{
    *list = (struct file_list){0};
    buf_init(&list->paths, SIZE_MAX);
}

void file_list_deinit(struct file_list *list)
{
    free(list->items);
    buf_deinit(&list->paths);
}

void file_list_clear(struct file_list *list)
{
    file_list_deinit(list);
    file_list_init(list);
}

void file_list_add(struct file_list *list, const struct listed_file *file, const char *path)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 64;
        list->items = xreallocarray(list->items, list->capacity, sizeof *list->items);
    }
    struct listed_file *item = &list->items[list->count++];
    *item = *file;
    item->path = list->paths.size;
    buf_append(&list->paths, path, strlen(path) + 1);
}

void file_list_set_note(struct file_list *list, size_t index, const char *note)
{
    list->items[index].note = list->paths.size + 1;
    buf_append(&list->paths, note, strlen(note) + 1);
}

const char *file_list_path(const struct file_list *list, size_t index)
{
    return (const char *)list->paths.data + list->items[index].path;
}

// ---- what the queue knows ----

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

struct joining {
    struct file_list *list;
    const uint64_t *ids; // of what is in the list, ascending
    size_t id_count;
};

static void add_harmed(void *context, const struct generation *generation,
                       const struct queue_shipping *shipping)
{
    const struct joining *joining = context;
    if (joining->id_count > 0 && bsearch(&generation->id, joining->ids, joining->id_count,
                                         sizeof *joining->ids, compare_ids) != NULL) {
        return;
    }
    struct listed_file file = {
        .generation = generation->id,
        .position = generation->position,
        .size = generation->position,
        .state = "remembered: it has no name any more",
        .shipping = *shipping,
    };
    file_list_add(joining->list, &file, generation->path);
}

void file_list_join(struct file_list *list, struct queue *queue)
{
    size_t count = list->count;
    uint64_t *ids = xcalloc(count + 1, sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        struct listed_file *file = &list->items[i];
        ids[i] = file->generation;
        if (!queue_shipping(queue, file->generation, &file->shipping)) {
            file->shipping = (struct queue_shipping){0};
        }
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    struct joining joining = {.list = list, .ids = ids, .id_count = count};
    queue_each_harmed(queue, add_harmed, &joining);
    free(ids);
}

// ---- JSON ----

static void write_number(struct buf *out, const char *name, uint64_t value)
{
    json_write_name(out, name);
    buf_append_u64_decimal(out, value);
}

static void write_flag(struct buf *out, const char *name, bool value)
{
    json_write_name(out, name);
    buf_append_text(out, value ? "true" : "false");
}

void file_list_write_harm(const struct queue_shipping *shipping, struct buf *out)
{
    write_flag(out, "skipped", shipping->skipped);
    write_number(out, "lost_bytes", shipping->lost_bytes);
    write_number(out, "lost_bytes_at_least", shipping->lost_bytes_at_least);
    write_flag(out, "perhaps_lost", shipping->perhaps_lost);
    write_number(out, "dropped", shipping->dropped);
    write_number(out, "dead_lettered", shipping->dead_lettered);
    write_flag(out, "damaged", shipping->damaged);
}

static void write_file(const struct file_list *list, size_t index, struct buf *out)
{
    const struct listed_file *file = &list->items[index];
    uint64_t lag = file->size > file->position ? file->size - file->position : 0;
    buf_append_byte(out, '{');
    json_write_name(out, "path");
    json_write_string(out, slice_of_text(file_list_path(list, index)));
    write_number(out, "generation", file->generation);
    write_number(out, "position", file->position);
    write_number(out, "size", file->size);
    write_number(out, "lag", lag);
    json_write_name(out, "state");
    json_write_string(out, slice_of_text(file->state));
    write_number(out, "queued", file->shipping.queued);
    if (file->note != 0) {
        json_write_name(out, "after_ship");
        const char *note = (const char *)list->paths.data + file->note - 1;
        json_write_string(out, slice_of_text(note));
    }
    if (file->shipping.harmed) {
        file_list_write_harm(&file->shipping, out);
    }
    buf_append_byte(out, '}');
}

void file_list_write(const struct file_list *list, struct buf *out)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            buf_append_byte(out, ',');
        }
        write_file(list, i, out);
    }
    buf_append_byte(out, ']');
}
