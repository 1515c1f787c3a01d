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

const char *file_list_path(const struct file_list *list, size_t index)
{
    return (const char *)list->paths.data + list->items[index].path;
}

static void write_number(struct buf *out, const char *name, uint64_t value)
{
    json_write_name(out, name);
    buf_append_u64_decimal(out, value);
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
