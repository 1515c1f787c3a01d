// What a program does with the queue, and what the model makes of it.
#include "support/queue_world.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/reason.h"
#include "support/queue_world_model.h"

// ---- the source ----

static uint64_t hash_of(const struct world *world, unsigned file, size_t index)
{
    struct prng prng = prng_of_seed(world->seed * 1000003 + (uint64_t)file * 7919 + index);
    (void)prng_next(&prng);
    return prng_next(&prng);
}

uint32_t world_source_bytes(const struct world *world, unsigned file, size_t index)
{
    return (uint32_t)(1 + hash_of(world, file, index) % world->record_bytes_max);
}

static bool is_filtered(const struct world *world, unsigned file, size_t index)
{
    return (hash_of(world, file, index) >> 32) % 8 == 0;
}

static uint16_t reason_of(const struct world *world, unsigned file, size_t index)
{
    return (hash_of(world, file, index) >> 40) % 16 == 0 ? REASON_OVER_LONG : REASON_NONE;
}

static bool has_key(const struct world *world, unsigned file, size_t index)
{
    return (hash_of(world, file, index) >> 48) % 4 == 0;
}

// The record without its newline, in `out` with room for record_bytes_max.
static struct slice data_of(const struct world *world, unsigned file, size_t index, uint8_t *out)
{
    uint32_t size = world_source_bytes(world, file, index) - 1;
    uint64_t hash = hash_of(world, file, index);
    for (uint32_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(hash >> (i % 57)) ^ (uint8_t)i;
    }
    return slice_of(out, size);
}

struct world_record *world_record_of(struct world *world, unsigned file, size_t index)
{
    struct world_file *of = &world->files[file];
    while (of->count <= index) {
        of->records = xreallocarray(of->records, of->count + 1, sizeof *of->records);
        uint64_t offset = of->count == 0 ? 0
                                         : of->records[of->count - 1].offset +
                                               world_source_bytes(world, file, of->count - 1);
        of->records[of->count++] = (struct world_record){.offset = offset};
    }
    return &of->records[index];
}

size_t world_index_at(struct world *world, unsigned file, uint64_t offset)
{
    struct world_file *of = &world->files[file];
    size_t low = 0;
    size_t high = of->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (of->records[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    ck_assert_msg(low < of->count && of->records[low].offset == offset,
                  "%llu is not the start of a record", (unsigned long long)offset);
    return low;
}

void world_check_content(struct world *world, const struct queued_record *record, unsigned file,
                         size_t index)
{
    uint8_t *data = xmalloc(world->record_bytes_max);
    ck_assert_msg(slice_equal(record->data, data_of(world, file, index, data)),
                  "record %zu of file %u is altered", index, file);
    ck_assert_uint_eq(record->source_bytes, world_source_bytes(world, file, index));
    ck_assert_uint_eq(record->reason, reason_of(world, file, index));
    ck_assert_uint_eq(record->key.size, has_key(world, file, index) ? 3 : 0);
    free(data);
}

void world_check_name(struct world *world, uint64_t epoch, uint64_t sequence, uint64_t instance)
{
    for (size_t i = 0; i < world->name_count; i++) {
        struct world_name *name = &world->names[i];
        if (name->sequence == sequence && name->epoch == epoch) {
            ck_assert_msg(name->instance == instance, "(%llu, %llu) names two records",
                          (unsigned long long)epoch, (unsigned long long)sequence);
            return;
        }
    }
    world->names = xreallocarray(world->names, world->name_count + 1, sizeof *world->names);
    world->names[world->name_count++] = (struct world_name){epoch, sequence, instance};
}

// ---- results ----

enum ending world_any_death(struct world *world)
{
    return world->keeps_power || prng_below(&world->prng, 2) == 0 ? ENDED_KILLED : ENDED_POWER;
}

bool queue_world_ended(struct world *world, enum ending *out_ending)
{
    bool condemned = queue_condemned(world->queue);
    *out_ending = ENDED_CONDEMNED;
    if (simdisk_stopped(world->disk)) {
        enum ending death = world_any_death(world);
        *out_ending = condemned && death == ENDED_KILLED ? ENDED_CONDEMNED : death;
        return true;
    }
    return condemned;
}

static bool has_ended(struct world *world)
{
    return simdisk_stopped(world->disk) || queue_condemned(world->queue);
}

// Whether a call that failed may have failed.
static bool may_fail(struct world *world, int error, const char *what)
{
    ck_assert_msg(world->faulty || has_ended(world), "%s: %s", what, error_text(error));
    return !has_ended(world);
}

// ---- collector ----

struct world_mark *world_last_mark(struct world *world)
{
    return &world->marks[world->mark_count - 1];
}

static void note_generation(struct world *world, unsigned file)
{
    char path[32];
    uint64_t version = ++world->versions[file];
    world->pending.version[file] = version;
    snprintf(path, sizeof path, "/var/log/%u.%llu", file, (unsigned long long)version);
    struct generation generation = {
        .id = file + 1,
        .inode = file,
        .path = path,
        .size_seen = version,
        .position = world_record_of(world, file, world_last_mark(world)->next[file])->offset,
    };
    queue_note_generation(world->queue, &generation);
}

static bool add_record(struct world *world, unsigned file, size_t index, uint8_t *scratch)
{
    struct world_mark *pending = &world->pending;
    uint32_t bytes = world_source_bytes(world, file, index);
    if (is_filtered(world, file, index)) {
        queue_add_filtered(world->queue, 1, bytes);
        pending->filtered.records++;
        pending->filtered.bytes += bytes;
    } else {
        struct record_origin origin = {file + 1, world_record_of(world, file, index)->offset};
        struct slice key = has_key(world, file, index) ? slice_of_text("key") : slice_of(NULL, 0);
        if (!queue_add_record(world->queue, origin, data_of(world, file, index, scratch), key,
                              bytes, reason_of(world, file, index))) {
            return false;
        }
        world->items = xreallocarray(world->items, world->item_count + 1, sizeof *world->items);
        world->items[world->item_count++] =
            (struct world_item){.file = file, .index = index, .instance = ++world->instances};
        pending->items++;
    }
    pending->read.records++;
    pending->read.bytes += bytes;
    pending->next[file] = index + 1;
    return true;
}

void queue_world_read(struct world *world, unsigned count)
{
    if (prng_below(&world->prng, 12) == 0) {
        queue_add_skipped(world->queue, 1); // a block may say no more than that
        return;
    }
    unsigned file = (unsigned)prng_below(&world->prng, WORLD_FILES);
    if (world->pending.version[file] == 0 || prng_below(&world->prng, 8) == 0) {
        note_generation(world, file);
    }
    uint8_t *scratch = xmalloc(world->record_bytes_max);
    while (count > 0 && add_record(world, file, world->pending.next[file], scratch)) {
        count--;
    }
    free(scratch);
    size_t next = world->pending.next[file];
    queue_set_position(world->queue, file + 1, world_record_of(world, file, next)->offset,
                       (struct fingerprint){.length = 1, .hash = next});
}

void world_commit_pending(struct world *world)
{
    size_t from = world_last_mark(world)->items;
    for (size_t i = from; i < world->pending.items; i++) {
        world->items[i].sequence = world->next_sequence++;
    }
    world->pending.last_sequence = world->next_sequence - 1;
    world->marks = xreallocarray(world->marks, world->mark_count + 1, sizeof *world->marks);
    world->marks[world->mark_count++] = world->pending;
}

bool queue_world_append(struct world *world)
{
    if (queue_block_empty(world->queue)) {
        return true;
    }
    int error = queue_append(world->queue);
    if (error == 0) {
        world_commit_pending(world);
        struct queue_usage usage;
        queue_usage(world->queue, &usage);
        ck_assert_uint_eq(usage.last_sequence, world->next_sequence - 1);
        return true;
    }
    world->append_in_doubt = simdisk_stopped(world->disk);
    return error == E_FULL ? !has_ended(world) : may_fail(world, error, "append");
}

// ---- sender ----

static struct world_item *next_item(struct world *world)
{
    size_t end = world_last_mark(world)->items;
    while (world->cursor < end && world->items[world->cursor].fate != FATE_OPEN) {
        world->cursor++;
    }
    return world->cursor < end ? &world->items[world->cursor] : NULL;
}

static void check_taken(struct world *world, struct world_item *item,
                        const struct queued_record *record)
{
    ck_assert_msg(item != NULL, "a record that should not be there: (%llu, %llu)",
                  (unsigned long long)record->epoch, (unsigned long long)record->place.sequence);
    ck_assert_uint_eq(record->place.sequence, item->sequence);
    ck_assert(item->epoch == 0 || item->epoch == record->epoch);
    ck_assert_uint_eq(record->origin.generation, item->file + 1);
    ck_assert_uint_eq(record->origin.offset,
                      world_record_of(world, item->file, item->index)->offset);
    world_check_content(world, record, item->file, item->index);
    world_check_name(world, record->epoch, record->place.sequence, item->instance);
}

bool queue_world_take(struct world *world, unsigned count)
{
    for (; count > 0; count--) {
        struct queued_record record;
        int result = queue_next(world->queue, &record);
        if (result < 0) {
            return may_fail(world, result, "next");
        }
        struct world_item *item = next_item(world);
        if (result == 0) {
            struct queue_usage usage;
            queue_usage(world->queue, &usage);
            ck_assert_msg(item == NULL || (world->config.sync == SYNC_ALWAYS &&
                                           item->sequence > usage.durable_sequence),
                          "a record does not come out");
            return true;
        }
        check_taken(world, item, &record);
        item->epoch = record.epoch;
        item->place = record.place;
        item->taken = true;
        world->cursor++;
    }
    return true;
}

static struct world_item *random_taken(struct world *world)
{
    struct world_item *found = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < world_last_mark(world)->items; i++) {
        struct world_item *item = &world->items[i];
        if (item->taken && item->fate == FATE_OPEN && prng_below(&world->prng, ++seen) == 0) {
            found = item;
        }
    }
    return found;
}

// The acknowledgements were written, or not.
static void note_persisted(struct world *world, int error)
{
    for (size_t i = 0; i < world_last_mark(world)->items; i++) {
        struct world_item *item = &world->items[i];
        if (item->fate != FATE_OPEN && error == 0) {
            item->persisted = true;
        } else if (item->fate != FATE_OPEN && !item->persisted) {
            item->in_doubt = true;
        }
    }
}

bool queue_world_submit(struct world *world)
{
    struct world_item *last = random_taken(world);
    if (last == NULL) {
        return true;
    }
    if (last->sequence > world->submitted_at_most) {
        world->submitted_at_most = last->sequence;
    }
    bool writes = last->sequence > world->submitted;
    int error = queue_submitted(world->queue, last->sequence);
    if (writes) {
        note_persisted(world, error);
    }
    if (error != 0) {
        return may_fail(world, error, "submitted");
    }
    world->submitted = last->sequence > world->submitted ? last->sequence : world->submitted;
    for (struct world_item *item = world->items; item <= last; item++) {
        if (item->taken && item->fate == FATE_OPEN && !item->offered) {
            item->offered = true;
            bool sent = reason_of(world, item->file, item->index) == REASON_NONE;
            world_record_of(world, item->file, item->index)->stored +=
                sent && prng_below(&world->prng, 2) == 0 ? 1 : 0;
        }
    }
    return true;
}

static bool settle(struct world *world, struct world_item *item)
{
    struct queued_record record;
    int error = queue_reread(world->queue, &item->place, &record);
    if (error != 0) {
        return may_fail(world, error, "reread");
    }
    world_check_content(world, &record, item->file, item->index);
    ck_assert_uint_eq(record.epoch, item->epoch);
    struct world_record *origin = world_record_of(world, item->file, item->index);
    enum settlement settlement = SETTLED_ACKNOWLEDGED;
    if (record.reason != REASON_NONE) {
        record.origin = (struct record_origin){item->file + 1, origin->offset};
        error = queue_write_dead_letter(world->queue, &record, record.reason, "as told");
        if (error != 0) {
            return may_fail(world, error, "dead letter");
        }
        settlement = SETTLED_DEAD_LETTERED;
    } else if (origin->stored == 0) {
        origin->stored = 1; // it was refused at first
    }
    queue_settle(world->queue, &item->place, record.source_bytes, settlement);
    item->fate = settlement == SETTLED_ACKNOWLEDGED ? FATE_ACKNOWLEDGED : FATE_DEAD_LETTERED;
    return true;
}

bool queue_world_answer(struct world *world, unsigned percent)
{
    for (size_t i = 0; i < world_last_mark(world)->items; i++) {
        struct world_item *item = &world->items[i];
        if (item->offered && item->fate == FATE_OPEN && prng_below(&world->prng, 100) < percent &&
            !settle(world, item)) {
            return false;
        }
    }
    return true;
}

bool queue_world_repeat(struct world *world)
{
    struct world_item *item = random_taken(world);
    if (item == NULL || !item->offered || reason_of(world, item->file, item->index) != 0) {
        return true;
    }
    queue_count_repeated(world->queue, 1);
    int error = queue_submitted(world->queue, item->sequence);
    note_persisted(world, error);
    if (error != 0) {
        return may_fail(world, error, "submitted");
    }
    world_record_of(world, item->file, item->index)->stored++;
    return true;
}

bool queue_world_persist(struct world *world)
{
    int error = queue_persist_acks(world->queue);
    note_persisted(world, error);
    return error == 0 || may_fail(world, error, "persist");
}

bool queue_world_drop(struct world *world)
{
    uint64_t last;
    if (!queue_wants_drop(world->queue, &last)) {
        return true;
    }
    fault_io_heal(&world->fault);
    for (size_t i = 0; i < world_last_mark(world)->items; i++) {
        struct world_item *item = &world->items[i];
        if (item->offered && item->fate == FATE_OPEN && item->sequence <= last &&
            !settle(world, item)) {
            return false;
        }
    }
    int64_t dropped = queue_drop_oldest(world->queue);
    if (dropped < 0) {
        return may_fail(world, (int)dropped, "drop");
    }
    for (size_t i = 0; dropped > 0 && i < world_last_mark(world)->items; i++) {
        struct world_item *item = &world->items[i];
        if (item->fate == FATE_OPEN) {
            ck_assert_uint_le(item->sequence, last);
            item->fate = FATE_DROPPED;
            dropped--;
        }
    }
    ck_assert_int_eq(dropped, 0);
    return true;
}

// ---- syncer ----

static void note_durable(struct world *world)
{
    struct queue_usage usage;
    queue_usage(world->queue, &usage);
    for (size_t i = world->durable_mark + 1; i < world->mark_count; i++) {
        if (world->marks[i].last_sequence <= usage.durable_sequence &&
            world->marks[i].last_sequence > world->marks[i - 1].last_sequence) {
            world->durable_mark = i;
        }
    }
}

bool queue_world_sync(struct world *world, bool now)
{
    struct io *io = simdisk_io(world->disk);
    if (now) {
        int error = queue_sync_now(world->queue);
        if (error != 0) {
            return may_fail(world, error, "sync");
        }
        world->durable_mark = world->mark_count - 1;
    } else {
        simdisk_advance_ns(world->disk, prng_below(&world->prng, 2 * NS_PER_S));
        (void)queue_sync_step(world->queue, io->monotonic_ns(io));
    }
    note_durable(world);
    return !has_ended(world);
}

// ---- any time ----

void queue_world_check(struct world *world)
{
    struct books books;
    queue_books(world->queue, &books);
    ck_assert_msg(books_balance(&books), "the books do not balance");
    const struct world_mark *mark = world_last_mark(world);
    ck_assert_uint_eq(books.read.records, mark->read.records);
    ck_assert_uint_eq(books.read.bytes, mark->read.bytes);
    ck_assert_uint_eq(books.filtered.records, mark->filtered.records);
    uint64_t segment = world->config.max_size / 8;
    uint64_t slots = 16384;
    uint64_t limit =
        world->config.max_size + 2 * segment + slots + world->config.dead_letter_max_size;
    ck_assert_msg(simdisk_used(world->disk) <= limit, "%llu bytes on disk, allowed %llu",
                  (unsigned long long)simdisk_used(world->disk), (unsigned long long)limit);
}
