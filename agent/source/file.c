#include "source/file.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "source/archive.h"

struct file_table {
    struct source_file **inodes; // both a power of two
    struct source_file **firsts;
    size_t bucket_count;
    size_t count;
    struct link all;
};

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 31) * 0x9e3779b97f4a7c15u;
    return value ^ value >> 29;
}

static struct source_file **inode_bucket(const struct file_table *table, uint64_t inode)
{
    return &table->inodes[mix(inode) & (table->bucket_count - 1)];
}

static struct source_file **first_bucket(const struct file_table *table, struct slice first)
{
    uint64_t hash = fingerprint_of(first).hash;
    return &table->firsts[mix(hash) & (table->bucket_count - 1)];
}

static void index_inode(struct file_table *table, struct source_file *file)
{
    struct source_file **bucket = inode_bucket(table, file->generation.inode);
    file->inode_next = *bucket;
    *bucket = file;
    file->hidden = false;
}

static void index_first(struct file_table *table, struct source_file *file)
{
    struct source_file **bucket = first_bucket(table, slice_of(file->first, file->first_count));
    file->first_next = *bucket;
    *bucket = file;
}

struct file_table *file_table_create(void)
{
    struct file_table *table = xcalloc(1, sizeof *table);
    table->bucket_count = 64;
    table->inodes = xcalloc(table->bucket_count, sizeof(struct source_file *));
    table->firsts = xcalloc(table->bucket_count, sizeof(struct source_file *));
    ring_init(&table->all);
    return table;
}

static const struct file_work AT_REST = {0};

struct file_work *file_work(struct source_file *file)
{
    if (file->work == &AT_REST) {
        struct file_work *work = xcalloc(1, sizeof *work);
        work->file = file;
        file->work = work;
    }
    return (struct file_work *)(uintptr_t)file->work;
}

static void drop_work(struct source_file *file)
{
    if (file->work != &AT_REST) {
        free(file->work->marks);
        free(file_work(file));
        file->work = &AT_REST;
    }
}

void file_rest(struct source_file *file)
{
    const struct file_work *work = file->work;
    bool linked = link_in_ring(&work->ready) || link_in_ring(&work->open) || work->older != NULL ||
                  work->younger != NULL;
    if (!linked && work->user == NULL && work->gone_ns == 0 && work->alike_id == 0) {
        drop_work(file);
    }
}

void file_mark(struct source_file *file, uint64_t position, struct fingerprint tail,
               uint64_t now_ns)
{
    struct file_work *work = file_work(file);
    if (work->marks == NULL) {
        work->marks = xcalloc(1, sizeof *work->marks);
    }
    struct marks *marks = work->marks;
    if (marks->count > 0 && now_ns < marks->marked_ns + MARK_INTERVAL_MS * NS_PER_MS) {
        return;
    }
    if (marks->count == MARKS_MAX) {
        marks->count--;
        memmove(marks->items, marks->items + 1, marks->count * sizeof marks->items[0]);
    }
    marks->items[marks->count++] = (struct mark){.position = position, .tail = tail};
    marks->marked_ns = now_ns;
}

struct source_file *file_of_ready(const struct link *link)
{
    return LINK_ENTRY(link, const struct file_work, ready)->file;
}

struct source_file *file_of_open(const struct link *link)
{
    return LINK_ENTRY(link, const struct file_work, open)->file;
}

void file_unready(struct source_file *file)
{
    if (link_in_ring(&file->work->ready)) {
        link_remove(&file_work(file)->ready);
    }
}

static void drop_path(struct source_file *file)
{
    if (!file->path_lent) {
        free(file->generation.path);
    }
    file->generation.path = NULL;
    file->path_lent = false;
}

static void free_file(struct source_file *file)
{
    archive_free(file->archive);
    drop_path(file);
    drop_work(file);
    free(file);
}

void file_table_free(struct file_table *table)
{
    if (table == NULL) {
        return;
    }
    while (!ring_empty(&table->all)) {
        struct source_file *file = LINK_ENTRY(table->all.next, struct source_file, all);
        link_remove(&file->all);
        free_file(file);
    }
    free(table->inodes);
    free(table->firsts);
    free(table);
}

static void grow(struct file_table *table)
{
    free(table->inodes);
    free(table->firsts);
    table->bucket_count *= 2;
    table->inodes = xcalloc(table->bucket_count, sizeof(struct source_file *));
    table->firsts = xcalloc(table->bucket_count, sizeof(struct source_file *));
    for (struct link *link = table->all.next; link != &table->all; link = link->next) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, all);
        if (!file->hidden) {
            index_inode(table, file);
        }
        if (file->first_count > 0) {
            index_first(table, file);
        }
    }
}

struct source_file *file_table_add(struct file_table *table, const struct generation *generation)
{
    if (table->count >= 2 * table->bucket_count) {
        grow(table);
    }
    struct source_file *file = xcalloc(1, sizeof *file);
    file->generation = *generation;
    file->path_lent = true;
    file->read_position = generation->position;
    file->read_tail = generation->tail;
    file->size_sure = generation->size_seen;
    file->fd = -1;
    file->work = &AT_REST;
    ring_append(&table->all, &file->all);
    index_inode(table, file);
    table->count++;
    return file;
}

void file_table_hide(struct file_table *table, struct source_file *file)
{
    if (file->hidden) {
        return;
    }
    struct source_file **place = inode_bucket(table, file->generation.inode);
    while (*place != file) {
        place = &(*place)->inode_next;
    }
    *place = file->inode_next;
    file->hidden = true;
}

static void hide_first(struct file_table *table, struct source_file *file)
{
    if (file->first_count == 0) {
        return;
    }
    struct source_file **place = first_bucket(table, slice_of(file->first, file->first_count));
    while (*place != file) {
        place = &(*place)->first_next;
    }
    *place = file->first_next;
    file->first_count = 0;
}

void file_table_remove(struct file_table *table, struct source_file *file)
{
    ASSERT(file->names == NULL && file->fd < 0);
    file_table_hide(table, file);
    hide_first(table, file);
    link_remove(&file->all);
    file_unready(file);
    link_remove(&file->waiting);
    file_leave_order(file);
    table->count--;
    free_file(file);
}

void file_table_move(struct file_table *table, struct source_file *file, uint64_t device,
                     uint64_t inode, uint64_t birth_ns)
{
    file_table_hide(table, file);
    file->generation.device = device;
    file->generation.inode = inode;
    file->generation.birth_ns = birth_ns;
    index_inode(table, file);
}

struct source_file *file_table_inode(const struct file_table *table, uint64_t inode)
{
    return *inode_bucket(table, inode);
}

void file_table_set_first(struct file_table *table, struct source_file *file, struct slice first)
{
    hide_first(table, file);
    file->first_count = (uint8_t)(first.size < FIRST_BYTES ? first.size : FIRST_BYTES);
    memcpy(file->first, first.data, file->first_count);
    if (file->first_count > 0) {
        index_first(table, file);
    }
}

struct source_file *file_table_first(const struct file_table *table, struct slice first)
{
    return *first_bucket(table, first);
}

struct link *file_table_all(struct file_table *table)
{
    return &table->all;
}

char *file_path(const struct source_file *file, char room[PATH_MAX])
{
    if (file->generation.path != NULL) {
        return file->generation.path;
    }
    if (file->names == NULL || !tree_path(file->names, room)) {
        room[0] = '\0';
    }
    return room;
}

struct generation file_told(const struct source_file *file, char room[PATH_MAX])
{
    struct generation told = file->generation;
    told.path = file_path(file, room);
    return told;
}

// Gives it a path of its own.
static void keep_path(struct source_file *file)
{
    char room[PATH_MAX];
    if (file->generation.path == NULL || file->path_lent) {
        file->generation.path = xstrdup(file_path(file, room));
        file->path_lent = false;
    }
}

// Most files have one name for ever: its text is enough.
static void share_path(struct source_file *file)
{
    char room[PATH_MAX];
    const struct name *name = file->names;
    if (file->generation.path != NULL && name != NULL && name->file_next == NULL &&
        tree_path(name, room) && strcmp(file->generation.path, room) == 0) {
        drop_path(file);
    }
}

void file_table_keep_paths(struct file_table *table)
{
    for (struct link *link = table->all.next; link != &table->all; link = link->next) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, all);
        if (file->path_lent) {
            keep_path(file);
        }
    }
}

bool file_set_path(struct source_file *file, const char *path)
{
    char room[PATH_MAX];
    if (strcmp(file_path(file, room), path) == 0) {
        share_path(file);
        return false;
    }
    drop_path(file);
    file->generation.path = xstrdup(path);
    share_path(file);
    return true;
}

void file_attach(struct source_file *file, struct name *name)
{
    ASSERT(name->file == NULL);
    if (file->names != NULL) {
        keep_path(file);
    }
    name->file = file;
    name->file_next = file->names;
    file->names = name;
    share_path(file);
}

void file_detach(struct name *name)
{
    struct source_file *file = name->file;
    ASSERT(file->names != NULL);
    keep_path(file);
    struct name **place = &file->names;
    while (*place != name) {
        place = &(*place)->file_next;
    }
    *place = name->file_next;
    name->file = NULL;
    name->file_next = NULL;
}

bool file_is_behind(const struct source_file *file, const struct source_file *other)
{
    for (; file != NULL; file = file->work->older) {
        if (file == other) {
            return true;
        }
    }
    return false;
}

// Whether `file` was there before `other`, of the log that had this name. Of those that were born
// in one tick, or nobody knows when, the one that still has the name is the last.
static bool is_before(const struct source_file *file, const struct source_file *other,
                      uint32_t log_name)
{
    uint64_t birth_ns = file->generation.birth_ns;
    if (birth_ns != other->generation.birth_ns) {
        return birth_ns < other->generation.birth_ns;
    }
    return file->generation.first_name != log_name && other->generation.first_name == log_name;
}

void file_order(struct source_file *older, struct source_file *younger)
{
    if (younger->work->older != NULL || file_is_behind(older, younger)) {
        return;
    }
    uint32_t log_name = older->generation.first_name;
    bool alone = younger->work->younger == NULL;
    while (older->work->younger != NULL &&
           !(alone && is_before(younger, older->work->younger, log_name))) {
        older = older->work->younger;
    }
    struct source_file *next = older->work->younger;
    file_work(older)->younger = younger;
    file_work(younger)->older = older;
    if (next != NULL) {
        file_work(younger)->younger = next;
        file_work(next)->older = younger;
    }
}

void file_unorder(struct source_file *older)
{
    if (older->work->younger != NULL) {
        file_work(older->work->younger)->older = NULL;
        file_work(older)->younger = NULL;
    }
}

static void link_order(struct source_file *older, struct source_file *younger)
{
    if (older != NULL && younger != NULL) {
        file_work(older)->younger = younger;
        file_work(younger)->older = older;
    }
}

void file_leave_order(struct source_file *file)
{
    struct source_file *older = file->work->older;
    struct source_file *younger = file->work->younger;
    if (older != NULL) {
        file_unorder(older);
    }
    file_unorder(file);
    link_order(older, younger);
}

void file_order_before(struct source_file *file, struct source_file *younger)
{
    struct source_file *older = younger->work->older;
    if (older != NULL) {
        file_unorder(older);
    }
    link_order(older, file);
    link_order(file, younger);
}

void file_take_place(struct source_file *file, struct source_file *other)
{
    struct source_file *younger = other->work->younger;
    struct source_file *older = other->work->older;
    file_leave_order(other);
    if (older == file || younger == file || file->work->older != NULL ||
        file->work->younger != NULL) {
        return;
    }
    if (younger != NULL) {
        file_order_before(file, younger);
    } else {
        link_order(older, file);
    }
}
