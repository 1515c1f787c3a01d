// What must hold after an opening.
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "queue/deadletter.h"
#include "support/queue_world_model.h"

static int open_queue(struct world *world, struct io *io, struct queue **out_queue,
                      struct queue_report *out_report)
{
    struct queue_options options = {
        .dir = WORLD_DIR, .flow = "web", .config = &world->config, .stats = &world->stats};
    return queue_open(io, &options, out_queue, out_report);
}

// ---- which blocks are there ----

static uint64_t position_of(struct world *world, unsigned file, uint64_t *out_version)
{
    size_t count;
    struct generation *generations = queue_generations(world->queue, &count);
    uint64_t position = 0;
    *out_version = 0;
    for (size_t i = 0; i < count; i++) {
        if (generations[i].id == file + 1) {
            *out_version = generations[i].size_seen;
            position = generations[i].position;
        }
    }
    free(generations);
    return position;
}

static bool mark_matches(struct world *world, const struct world_mark *mark)
{
    for (unsigned file = 0; file < WORLD_FILES; file++) {
        uint64_t version;
        uint64_t position = position_of(world, file, &version);
        if (position != world_record_of(world, file, mark->next[file])->offset) {
            return false;
        }
    }
    return true;
}

// A note may be there without the records that were written with it.
static void check_versions(struct world *world, const struct world_mark *mark)
{
    for (unsigned file = 0; file < WORLD_FILES; file++) {
        uint64_t version;
        (void)position_of(world, file, &version);
        ck_assert_uint_ge(version, mark->version[file]);
        ck_assert_uint_le(version, world->versions[file]);
    }
}

// Cuts the log of the model to what came back.
static void cut_log(struct world *world, enum ending ending)
{
    if (world->append_in_doubt) {
        world_commit_pending(world);
    }
    size_t mark = world->mark_count;
    while (mark > 0 && !mark_matches(world, &world->marks[mark - 1])) {
        mark--;
    }
    ck_assert_msg(mark > 0, "positions that no block ever had");
    mark--;
    size_t least = ending >= ENDED_CONDEMNED ? world->durable_mark
                                             : world->mark_count - (world->append_in_doubt ? 2 : 1);
    ck_assert_msg(mark >= least, "block %zu is missing, %zu is the last one", least, mark);
    check_versions(world, &world->marks[mark]);
    world->mark_count = mark + 1;
    struct queue_usage usage;
    queue_usage(world->queue, &usage);
    if (usage.durable_sequence == usage.last_sequence) {
        world->durable_mark = mark; // unless the tail stayed in place for want of room
    }
    world->append_in_doubt = false;
    world->pending = *world_last_mark(world);
    world->item_count = world->pending.items;
}

// ---- which records are there ----

// What is to come out of the queue, by opening a copy of it.
static bool *drain_copy(struct world *world, struct books *out_books)
{
    struct simdisk *copy = simdisk_copy(world->disk, 1);
    struct queue *queue;
    struct queue_report report;
    int error = open_queue(world, simdisk_io(copy), &queue, &report);
    ck_assert_msg(error == 0, "a second recovery fails: %s", error_text(error));
    ck_assert_uint_eq(report.maybe_repeated, 0);
    ck_assert_uint_eq(report.segments_discarded, 0);
    ck_assert_uint_eq(report.records_rewound, 0);
    ck_assert_uint_eq(report.segments_bad, 0);
    queue_books(queue, out_books);
    bool *present = xcalloc(world->item_count + 1, sizeof *present);
    size_t at = 0;
    struct queued_record record;
    int result;
    while ((result = queue_next(queue, &record)) == 1) {
        unsigned file = (unsigned)record.origin.generation - 1;
        ck_assert_uint_lt(file, WORLD_FILES);
        size_t index = world_index_at(world, file, record.origin.offset);
        while (at < world->item_count &&
               (world->items[at].file != file || world->items[at].index != index)) {
            at++;
        }
        ck_assert_msg(at < world->item_count,
                      "record %zu of file %u is in the queue and will be read again", index, file);
        struct world_item *item = &world->items[at];
        present[at++] = true;
        world_check_content(world, &record, file, index);
        ck_assert(item->epoch == 0 || item->epoch == record.epoch);
        ck_assert_uint_eq(item->sequence, record.place.sequence);
        item->epoch = record.epoch;
        world_check_name(world, record.epoch, record.place.sequence, item->instance);
    }
    ck_assert_msg(result == 0, "a copy cannot be read: %s", error_text(result));
    queue_books(queue, out_books);
    queue_close(queue);
    simdisk_free(copy);
    return present;
}

static void check_items(struct world *world, const bool *present, enum ending ending)
{
    for (size_t i = 0; i < world->item_count; i++) {
        struct world_item *item = &world->items[i];
        ck_assert_msg(present[i] || item->persisted || item->in_doubt,
                      "record %zu of file %u is lost", item->index, item->file);
        ck_assert_msg(!present[i] || !item->persisted || ending >= ENDED_CONDEMNED,
                      "record %zu of file %u comes again although that it is settled was written",
                      item->index, item->file);
    }
}

static void sync_items(struct world *world, const bool *present)
{
    for (size_t i = 0; i < world->item_count; i++) {
        struct world_item *item = &world->items[i];
        item->fate = present[i] ? FATE_OPEN : item->fate;
        ck_assert(present[i] || item->fate != FATE_OPEN);
        item->persisted = !present[i];
        item->taken = false;
        item->offered = false;
        item->in_doubt = false;
    }
}

// ---- what is reported ----

static void check_maybe_repeated(struct world *world)
{
    uint64_t least = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < world->item_count; i++) {
        const struct world_item *item = &world->items[i];
        if (!item->persisted) {
            least += item->sequence <= world->submitted && !item->in_doubt ? 1 : 0;
            most += item->sequence <= world->submitted_at_most ? 1 : 0;
        }
    }
    if (world->open_in_doubt) {
        least = 0;
    }
    ck_assert_uint_ge(world->report.maybe_repeated, least);
    ck_assert_uint_le(world->report.maybe_repeated, most);
}

static bool is_balanced(const struct books *a, const struct books *b)
{
    return a->read.records == b->read.records &&
           a->acknowledged.records == b->acknowledged.records &&
           a->queued.records == b->queued.records && a->queued.bytes == b->queued.bytes &&
           a->dead_lettered.records == b->dead_lettered.records &&
           a->damaged.records == b->damaged.records && a->maybe_repeated == b->maybe_repeated;
}

static void check_books_of_opening(struct world *world, const struct books *again)
{
    struct books books;
    queue_books(world->queue, &books);
    ck_assert_msg(is_balanced(&books, again), "a second recovery changes the books");
    struct tally open = {0};
    struct tally fates[FATE_DROPPED + 1] = {{0}};
    for (size_t i = 0; i < world->item_count; i++) {
        const struct world_item *item = &world->items[i];
        struct tally *tally = item->fate == FATE_OPEN ? &open : &fates[item->fate];
        tally->records++;
        tally->bytes += world_source_bytes(world, item->file, item->index);
    }
    ck_assert_uint_eq(books.damaged.records, 0);
    ck_assert_uint_eq(books.queued.records, open.records);
    ck_assert_uint_eq(books.queued.bytes, open.bytes);
    ck_assert_uint_eq(world->report.records_queued, open.records);
    if (!world->rewound) {
        ck_assert_uint_eq(books.acknowledged.records, fates[FATE_ACKNOWLEDGED].records);
        ck_assert_uint_eq(books.acknowledged.bytes, fates[FATE_ACKNOWLEDGED].bytes);
        ck_assert_uint_eq(books.dead_lettered.records, fates[FATE_DEAD_LETTERED].records);
        ck_assert_uint_eq(books.dropped.records, fates[FATE_DROPPED].records);
    }
}

// ---- dead letters ----

static void count_letter(void *context, const struct dead_record *letter)
{
    struct world *world = context;
    for (size_t i = 0; i < world->item_count; i++) {
        struct world_item *item = &world->items[i];
        if (item->epoch == letter->epoch && item->sequence == letter->sequence) {
            ck_assert_uint_eq(letter->offset,
                              world_record_of(world, item->file, item->index)->offset);
            item->letters++;
        }
    }
}

static void check_letters(struct world *world)
{
    for (size_t i = 0; i < world->item_count; i++) {
        world->items[i].letters = 0;
    }
    int error = deadletter_each(simdisk_io(world->disk), WORLD_DIR "/dead", count_letter, world);
    ck_assert_int_eq(error, 0);
    for (size_t i = 0; i < world->item_count; i++) {
        const struct world_item *item = &world->items[i];
        ck_assert_msg(item->letters <= 1, "a dead letter is there twice");
        ck_assert_msg(item->fate != FATE_DEAD_LETTERED || item->letters == 1,
                      "the dead letter of record %zu of file %u is lost", item->index, item->file);
    }
}

// ---- opening ----

// Closes the queue or kills it. Returns what it has become.
static enum ending close_queue(struct world *world, enum ending ending)
{
    if (world->queue == NULL) {
        return ending;
    }
    if (ending == ENDED_KILLED || ending == ENDED_POWER) {
        simdisk_stop(world->disk);
    }
    bool writes = !simdisk_stopped(world->disk) && !queue_condemned(world->queue);
    queue_close(world->queue);
    world->queue = NULL;
    bool stopped = simdisk_stopped(world->disk);
    bool certain = !stopped && !world->faulty;
    for (size_t i = 0; writes && i < world->item_count; i++) {
        struct world_item *item = &world->items[i];
        if (item->fate != FATE_OPEN && !item->persisted) {
            item->in_doubt = !certain;
            item->persisted = certain;
        }
    }
    if (ending == ENDED_CLOSED && !certain) {
        ending = stopped ? world_any_death(world) : ENDED_CONDEMNED;
    }
    return ending;
}

static void end_process(struct world *world, enum ending ending)
{

    if (ending == ENDED_POWER) {
        simdisk_lose_power(world->disk);
    } else {
        simdisk_restart(world->disk);
    }
    if (ending == ENDED_CONDEMNED && prng_below(&world->prng, 2) == 0) {
        simdisk_drop_caches(world->disk);
    }
}

// Opens until it succeeds; the worst of the endings.
static enum ending open_at_last(struct world *world, enum ending ending)
{
    world->open_in_doubt = false;
    if (prng_below(&world->prng, 3) == 0) {
        simdisk_stop_after(world->disk, 1 + prng_below(&world->prng, 16));
    }
    for (;;) {
        int error = open_queue(world, &world->fault.io, &world->queue, &world->report);
        if (error == 0) {
            ck_assert(!simdisk_stopped(world->disk));
            simdisk_stop_after(world->disk, 0);
            return ending;
        }
        world->queue = NULL;
        ck_assert_msg(world->faulty || simdisk_stopped(world->disk), "open: %s", error_text(error));
        ck_assert_uint_eq(simdisk_open_count(world->disk), 0);
        fault_io_heal(&world->fault);
        world->open_in_doubt = true;
        if (simdisk_stopped(world->disk)) {
            enum ending next = world_any_death(world);
            end_process(world, next);
            ending = next > ending ? next : ending;
        }
    }
}

static void note_numbers(struct world *world)
{
    struct queue_usage usage;
    queue_usage(world->queue, &usage);
    world->next_sequence = usage.last_sequence + 1;
    world->submitted = 0;
    world->submitted_at_most = 0;
    world->cursor = 0;
}

void queue_world_reopen(struct world *world, enum ending ending)
{
    ending = close_queue(world, ending);
    end_process(world, ending);
    ending = open_at_last(world, ending);
    fault_io_heal(&world->fault);
    world->faulty = false;
    simdisk_set_capacity(world->disk, UINT64_MAX);
    simdisk_fail_sync(world->disk, 0);
    world->rewound = world->rewound || ending >= ENDED_CONDEMNED;
    cut_log(world, ending);
    if (ending == ENDED_KILLED) {
        check_maybe_repeated(world);
    }
    struct books again;
    bool *present = drain_copy(world, &again);
    check_items(world, present, ending);
    sync_items(world, present);
    free(present);
    check_books_of_opening(world, &again);
    check_letters(world);
    note_numbers(world);
    queue_world_check(world);
}

// ---- life ----

struct world *queue_world_create(uint64_t seed)
{
    struct world *world = xcalloc(1, sizeof *world);
    world->seed = seed;
    world->prng = prng_of_seed(seed);
    world->disk = simdisk_create(seed);
    struct io *io = simdisk_io(world->disk);
    ck_assert_int_eq(io->mkdir(io, "/state", 0755), 0);
    ck_assert_int_eq(io->sync_dir(io, "/"), 0);
    fault_io_init(&world->fault, io);
    static const enum sync_mode modes[] = {SYNC_INTERVAL, SYNC_ALWAYS, SYNC_OS};
    world->config = (struct queue_config){
        .max_size = 256 << 10,
        .when_full = prng_below(&world->prng, 3) == 0 ? WHEN_FULL_DROP_OLDEST : WHEN_FULL_BLOCK,
        .sync = modes[prng_below(&world->prng, 3)],
        .sync_interval_ms = 1000,
        .dead_letter_max_size = 1 << 20};
    world->record_bytes_max =
        1 + prng_below(&world->prng, prng_below(&world->prng, 2) == 0 ? 64 : 2048);
    world->marks = xcalloc(1, sizeof *world->marks);
    world->mark_count = 1;
    queue_world_reopen(world, ENDED_CLOSED);
    return world;
}

void queue_world_free(struct world *world)
{
    queue_close(world->queue);
    fault_io_deinit(&world->fault);
    simdisk_free(world->disk);
    for (unsigned file = 0; file < WORLD_FILES; file++) {
        free(world->files[file].records);
    }
    free(world->items);
    free(world->marks);
    free(world->names);
    free(world);
}

// ---- the end ----

static void check_all_sent(struct world *world)
{
    uint64_t repeats = 0;
    for (unsigned file = 0; file < WORLD_FILES; file++) {
        for (size_t i = 0; i < world_last_mark(world)->next[file]; i++) {
            unsigned stored = world->files[file].records[i].stored;
            repeats += stored > 1 ? stored - 1 : 0;
        }
    }
    struct books books;
    queue_books(world->queue, &books);
    ck_assert_uint_eq(books.queued.records, 0);
    ck_assert_uint_eq(books.queued.bytes, 0);
    if (!world->rewound) {
        ck_assert_msg(repeats <= books.maybe_repeated, "%llu repeats, %llu reported",
                      (unsigned long long)repeats, (unsigned long long)books.maybe_repeated);
    }
}

void queue_world_finish(struct world *world)
{
    fault_io_heal(&world->fault);
    simdisk_set_capacity(world->disk, UINT64_MAX);
    simdisk_stop_after(world->disk, 0);
    simdisk_fail_sync(world->disk, 0);
    world->faulty = false;
    queue_world_read(world, 5);
    for (unsigned i = 0;
         i < 100 && (i < 3 || !queue_drained(world->queue) || !queue_block_empty(world->queue));
         i++) {
        ck_assert(queue_world_append(world));
        ck_assert(queue_world_sync(world, false));
        ck_assert(queue_world_sync(world, true));
        ck_assert(queue_world_take(world, UINT32_MAX));
        ck_assert(queue_world_submit(world));
        ck_assert(queue_world_answer(world, 100));
        ck_assert(queue_world_persist(world));
    }
    ck_assert_msg(queue_block_empty(world->queue), "the queue takes nothing any more");
    ck_assert_msg(queue_drained(world->queue), "the queue is not drained");
    queue_world_check(world);
    check_all_sent(world);
    queue_world_reopen(world, ENDED_CLOSED);
    ck_assert_uint_eq(world->report.records_queued, 0);
    ck_assert_uint_eq(world->report.maybe_repeated, 0);
}
