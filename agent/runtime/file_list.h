// What one flow knows of its files: copied by its collector thread, which must not be held up,
// and written as JSON by the thread that asked. Paths lie behind one another, so that a copy of
// 50,000 files is a handful of allocations.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "queue/queue.h"

struct listed_file {
    uint64_t generation; // 0: nothing is known of it yet
    uint64_t position;
    uint64_t size;
    const char *state;              // static text
    struct queue_shipping shipping; // set by file_list_join
    size_t path;                    // set by file_list_add: its offset in `paths`
    size_t note;                    // set by file_list_set_note: likewise, plus 1; 0: none
};

struct file_list {
    struct listed_file *items;
    size_t count;
    size_t capacity;
    struct buf paths; // each with a NUL
};

void file_list_init(struct file_list *list);
void file_list_deinit(struct file_list *list);
// Empties the list and gives its memory back.
void file_list_clear(struct file_list *list);
// Adds a file; `path` is copied.
void file_list_add(struct file_list *list, const struct listed_file *file, const char *path);
// Adds what the queue knows of each of them, and the generations that are not in the list any more
// although something of them did not arrive.
void file_list_join(struct file_list *list, struct queue *queue);
// What after_ship says about it (copied).
void file_list_set_note(struct file_list *list, size_t index, const char *note);
// Appends the members of a JSON object that say what of a file did not arrive.
void file_list_write_harm(const struct queue_shipping *shipping, struct buf *out);
const char *file_list_path(const struct file_list *list, size_t index);
// Appends a JSON array (docs/kintail.1).
void file_list_write(const struct file_list *list, struct buf *out);
