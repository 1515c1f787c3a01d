// What after_ship has to say about files: why it has not acted on one that is done. Written by the
// janitor's thread, read by the one that writes the status.
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/file_list.h"

enum { SHELF_NOTE_BYTES = 160, SHELF_NOTES_MAX = 200 };

struct shelf_note {
    uint64_t generation;
    char text[SHELF_NOTE_BYTES];
};

struct shelf {
    pthread_mutex_t lock;
    struct shelf_note notes[SHELF_NOTES_MAX]; // the first ones, when there are more
    size_t count;
};

void shelf_init(struct shelf *shelf);
void shelf_deinit(struct shelf *shelf);
// Says something else about a generation, or nothing more when `text` is NULL.
void shelf_set(struct shelf *shelf, uint64_t generation, const char *text);
// Adds the notes to the files of the list.
void shelf_join(struct shelf *shelf, struct file_list *list);
