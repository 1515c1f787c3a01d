#include "runtime/shelf.h"

#include <stdio.h>

void shelf_init(struct shelf *shelf)
{
    shelf->count = 0;
    pthread_mutex_init(&shelf->lock, NULL);
}

void shelf_deinit(struct shelf *shelf)
{
    pthread_mutex_destroy(&shelf->lock);
}

static size_t index_of(const struct shelf *shelf, uint64_t generation)
{
    size_t i = 0;
    while (i < shelf->count && shelf->notes[i].generation != generation) {
        i++;
    }
    return i;
}

void shelf_set(struct shelf *shelf, uint64_t generation, const char *text)
{
    pthread_mutex_lock(&shelf->lock);
    size_t i = index_of(shelf, generation);
    if (text == NULL) {
        if (i < shelf->count) {
            shelf->notes[i] = shelf->notes[--shelf->count];
        }
    } else if (i < SHELF_NOTES_MAX) {
        shelf->count += i == shelf->count ? 1 : 0;
        shelf->notes[i].generation = generation;
        (void)snprintf(shelf->notes[i].text, sizeof shelf->notes[i].text, "%s", text);
    }
    pthread_mutex_unlock(&shelf->lock);
}

void shelf_join(struct shelf *shelf, struct file_list *list)
{
    pthread_mutex_lock(&shelf->lock);
    for (size_t i = 0; i < list->count && shelf->count > 0; i++) {
        size_t note = index_of(shelf, list->items[i].generation);
        if (note < shelf->count) {
            file_list_set_note(list, i, shelf->notes[note].text);
        }
    }
    pthread_mutex_unlock(&shelf->lock);
}
