// What a queue says about the shipping of each generation, whatever happens to the process, the
// power and the disk.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "queue/queue.h"
#include "queue/segment.h"
#include "support/simdisk.h"
#include "support/test_main.h"

enum { RECORD_BYTES = 1000, RECORDS = 10, FILES = 4 };

static struct simdisk *disk;
static struct queue_config config;
static struct stats stats;
static struct queue *queue;
static struct queue_report report;
static uint64_t positions[FILES + 1];

static int try_open(void)
{
    struct queue_options options = {
        .dir = "/state/web", .flow = "web", .config = &config, .stats = &stats};
    return queue_open(simdisk_io(disk), &options, &queue, &report);
}

static void reopen(void)
{
    int error = try_open();
    ck_assert_msg(error == 0, "%s", error_text(error));
}

static void close_and_reopen(void)
{
    queue_close(queue);
    reopen();
}

static void kill_and_reopen(void)
{
    simdisk_stop(disk);
    queue_close(queue);
    simdisk_restart(disk);
    reopen();
}

static void note(uint64_t id, enum generation_state state)
{
    char path[32];
    snprintf(path, sizeof path, "/log/%llu", (unsigned long long)id);
    struct generation generation = {.id = id,
                                    .position = positions[id],
                                    .state = state,
                                    .first_name = generation_name(path) & GENERATION_NAME_MAX,
                                    .path = path};
    queue_note_generation(queue, &generation);
}

static void make_world(void)
{
    disk = simdisk_create(1);
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->mkdir(io, "/state", 0755), 0);
    config = (struct queue_config){.max_size = 256 << 10,
                                   .sync_interval_ms = 1000,
                                   .when_full = WHEN_FULL_DROP_OLDEST,
                                   .dead_letter_max_size = 1 << 20};
    stats = (struct stats){0};
    memset(positions, 0, sizeof positions);
    reopen();
    for (uint64_t id = 1; id <= FILES; id++) {
        note(id, GENERATION_LIVE);
    }
    ck_assert_int_eq(queue_append(queue), 0);
}

static void free_world(void)
{
    queue_close(queue);
    queue = NULL;
    simdisk_free(disk);
}

static int append(uint64_t id, uint16_t reason)
{
    char text[RECORD_BYTES] = {'x'};
    for (unsigned i = 0; i < RECORDS; i++) {
        struct record_origin origin = {.generation = id,
                                       .offset = positions[id] + (uint64_t)i * RECORD_BYTES};
        ck_assert(queue_add_record(queue, origin, slice_of(text, sizeof text), slice_of(NULL, 0),
                                   RECORD_BYTES, reason));
    }
    queue_set_position(queue, id, positions[id] + (uint64_t)RECORDS * RECORD_BYTES,
                       (struct fingerprint){.length = 1});
    int error = queue_append(queue);
    if (error == 0) {
        positions[id] += (uint64_t)RECORDS * RECORD_BYTES;
    }
    return error;
}

static void settle_all(enum settlement settlement)
{
    struct queued_record record;
    while (queue_next(queue, &record) == 1) {
        queue_settle(queue, &record.place, record.source_bytes, settlement);
    }
    ck_assert_int_eq(queue_persist_acks(queue), 0);
}

static struct queue_shipping shipping_of(uint64_t id)
{
    struct queue_shipping shipping;
    ck_assert(queue_shipping(queue, id, &shipping));
    return shipping;
}

static bool is_shipped(uint64_t id)
{
    struct queue_shipping shipping = shipping_of(id);
    return shipping.queued == 0 && !shipping.harmed && shipping.position == positions[id];
}

START_TEST(a_generation_is_shipped_when_its_last_record_is_settled)
{
    ck_assert_int_eq(append(1, 0), 0);
    ck_assert_int_eq(append(2, 0), 0);
    ck_assert(!is_shipped(1) && !is_shipped(2) && is_shipped(3));
    ck_assert_uint_eq(shipping_of(1).queued, RECORDS);
    struct queued_record record;
    for (unsigned i = 0; i < RECORDS; i++) {
        ck_assert_int_eq(queue_next(queue, &record), 1);
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
    }
    ck_assert(!is_shipped(1)); // the acknowledgement is not written yet
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    ck_assert(is_shipped(1) && !is_shipped(2));
    settle_all(SETTLED_ACKNOWLEDGED);
    ck_assert(is_shipped(1) && is_shipped(2));
}
END_TEST

START_TEST(after_a_restart_it_is_shipped_not_sooner)
{
    ck_assert_int_eq(append(1, 0), 0);
    settle_all(SETTLED_ACKNOWLEDGED);
    ck_assert_int_eq(append(2, 0), 0);
    kill_and_reopen();
    ck_assert(!is_shipped(2));
    kill_and_reopen();
    ck_assert(!is_shipped(2));
    close_and_reopen();
    ck_assert(!is_shipped(2));
    settle_all(SETTLED_ACKNOWLEDGED);
    ck_assert(is_shipped(1) && is_shipped(2));
    close_and_reopen();
    ck_assert(is_shipped(1) && is_shipped(2));
}
END_TEST

START_TEST(what_was_lost_skipped_or_copied_is_remembered_and_counted_once)
{
    queue_add_lost(queue, 1, 5, true);
    queue_add_lost(queue, 1, 7, false);
    ck_assert_int_eq(append(3, 0), 0);
    queue_add_lost(queue, 1, 20, true);
    queue_note_perhaps_lost(queue, 2, true);
    queue_note_copy(queue, 4, 3);
    struct generation skipped = {
        .id = 2, .position = 9, .skipped = 1, .path = (char *)(uintptr_t) "/log/2"};
    queue_note_generation(queue, &skipped);
    ck_assert_int_eq(append(3, 0), 0);
    for (int i = 0; i < 4; i++) {
        struct queue_shipping lost = shipping_of(1);
        ck_assert_uint_eq(lost.lost_bytes, 25);
        ck_assert_uint_eq(lost.lost_bytes_at_least, 7);
        ck_assert(lost.harmed && !lost.perhaps_lost);
        ck_assert(shipping_of(2).perhaps_lost && shipping_of(2).harmed);
        ck_assert(shipping_of(2).skipped && shipping_of(2).harmed);
        ck_assert(!shipping_of(3).harmed);
        ck_assert_uint_eq(shipping_of(4).copy_of, 3);
        ck_assert_uint_eq(shipping_of(4).queued, (uint64_t)2 * RECORDS);
        if (i == 2) {
            close_and_reopen();
        } else {
            kill_and_reopen();
        }
    }
    queue_add_lost(queue, 3, 1, true);
    queue_note_perhaps_lost(queue, 2, false);
    queue_note_perhaps_lost(queue, 1, false);
    ck_assert_int_eq(queue_append(queue), 0);
    ck_assert(shipping_of(4).harmed); // as its original
    kill_and_reopen();
    ck_assert(!shipping_of(2).perhaps_lost && !shipping_of(1).perhaps_lost);
    queue_note_perhaps_lost(queue, 2, true);
    queue_note_perhaps_lost(queue, 2, true);
    ck_assert_int_eq(queue_append(queue), 0);
    close_and_reopen();
    ck_assert(shipping_of(2).perhaps_lost);
}
END_TEST

// Appends until the queue wants to drop, each segment of one file but the last.
static void fill_up(void)
{
    uint64_t id = 1;
    int error;
    while ((error = append(id, 0)) == 0) {
        id = id < 3 ? id + 1 : 3;
        uint64_t now_ns = simdisk_io(disk)->monotonic_ns(simdisk_io(disk));
        (void)queue_sync_step(queue, now_ns);
    }
    ck_assert_int_eq(error, E_FULL);
}

START_TEST(what_was_dropped_is_known_per_generation)
{
    fill_up();
    int64_t dropped = queue_drop_oldest(queue);
    ck_assert_int_gt(dropped, 0);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    for (int i = 0; i < 3; i++) {
        uint64_t sum = 0;
        for (uint64_t id = 1; id <= FILES; id++) {
            sum += shipping_of(id).dropped;
        }
        ck_assert_uint_eq(sum, (uint64_t)dropped);
        ck_assert_uint_eq(shipping_of(1).dropped, RECORDS);
        ck_assert_uint_eq(shipping_of(4).dropped, 0);
        ck_assert(!shipping_of(4).harmed);
        if (i == 0) {
            kill_and_reopen();
        } else {
            close_and_reopen();
        }
    }
}
END_TEST

START_TEST(nothing_is_ever_dropped_without_being_known_after_a_crash)
{
    unsigned dropped_runs = 0;
    for (unsigned run = 0; run < 120; run++) {
        free_world();
        make_world();
        fill_up();
        simdisk_stop_after(disk, 1 + run / 2);
        bool persisted = queue_drop_oldest(queue) > 0 && queue_persist_acks(queue) == 0;
        if (persisted) {
            int error = queue_sync_now(queue);
            (void)error; // the process may die in it
        }
        simdisk_stop(disk);
        queue_close(queue);
        if (run % 2 == 0) {
            simdisk_restart(disk);
        } else {
            simdisk_lose_power(disk);
        }
        reopen();
        struct books books;
        queue_books(queue, &books);
        dropped_runs += books.dropped.records > 0 ? 1 : 0;
        if (books.dropped.records > 0 && shipping_of(1).position > 0) {
            ck_assert_msg(shipping_of(1).dropped > 0, "run %u", run);
        }
    }
    ck_assert_uint_gt(dropped_runs, 10);
}
END_TEST

START_TEST(a_dead_letter_is_known_also_when_its_record_was_read_again)
{
    ck_assert_int_eq(append(1, 0), 0);
    ck_assert_int_eq(append(2, 0), 0);
    struct queued_record record;
    struct record_place place = {0};
    for (unsigned i = 0; i < RECORDS + 3; i++) {
        ck_assert_int_eq(queue_next(queue, &record), 1);
        place = record.place;
    }
    ck_assert_int_eq(queue_reread(queue, &place, &record), 0);
    ck_assert_uint_eq(record.origin.generation, 0);
    ck_assert_int_eq(queue_write_dead_letter(queue, &record, 4, "refused"), 0);
    queue_settle(queue, &place, record.source_bytes, SETTLED_DEAD_LETTERED);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(shipping_of(1).dead_lettered, 0);
        ck_assert_uint_eq(shipping_of(2).dead_lettered, 1);
        kill_and_reopen();
    }
}
END_TEST

static void flip_segment(const char *path)
{
    for (size_t offset = 9000; offset < 9200; offset++) {
        simdisk_flip(disk, path, offset, 0xff);
    }
}

static char damaged_path[SEGMENT_NAME_MAX + 16];

static int note_first_segment(void *context, const char *name, enum file_kind kind)
{
    (void)context;
    uint64_t first;
    uint64_t epoch;
    if (kind == FILE_REGULAR && segment_parse_name(name, &first, &epoch)) {
        char path[sizeof damaged_path];
        snprintf(path, sizeof path, "/state/web/%s", name);
        if (damaged_path[0] == '\0' || strcmp(path, damaged_path) < 0) {
            memcpy(damaged_path, path, sizeof path);
        }
    }
    return 0;
}

START_TEST(damage_is_held_against_what_may_have_been_in_it_and_nothing_else)
{
    fill_up(); // the first segment has blocks of 1 and 2; 4 was never read
    struct io *io = simdisk_io(disk);
    damaged_path[0] = '\0';
    ck_assert_int_eq(io->list(io, "/state/web", note_first_segment, NULL), 0);
    flip_segment(damaged_path);
    simdisk_drop_caches(disk);
    kill_and_reopen();
    settle_all(SETTLED_ACKNOWLEDGED);
    struct books books;
    queue_books(queue, &books);
    ck_assert_uint_gt(books.damaged.records, 0);
    for (int i = 0; i < 2; i++) {
        ck_assert(shipping_of(1).damaged);
        ck_assert(!shipping_of(4).damaged);
        kill_and_reopen();
    }
}
END_TEST

static void count_harmed(void *context, const struct generation *generation,
                         const struct queue_shipping *shipping)
{
    (void)generation;
    *(unsigned *)context += shipping->harmed ? 1 : 0;
}

START_TEST(a_damaged_file_of_harm_counts_against_everything_known)
{
    unsigned harmed = 0;
    fill_up();
    ck_assert_int_gt(queue_drop_oldest(queue), 0);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    queue_each_harmed(queue, count_harmed, &harmed);
    ck_assert_uint_eq(harmed, 2);
    simdisk_flip(disk, "/state/web/harm", 30, 1);
    kill_and_reopen();
    for (uint64_t id = 1; id <= FILES; id++) {
        ck_assert(shipping_of(id).damaged);
    }
    harmed = 0;
    queue_each_harmed(queue, count_harmed, &harmed);
    ck_assert_uint_eq(harmed, FILES);
    uint64_t next = queue_next_generation_id(queue);
    struct generation generation = {.id = next, .path = (char *)(uintptr_t) "/log/new"};
    queue_note_generation(queue, &generation);
    ck_assert_int_eq(queue_append(queue), 0);
    ck_assert(!shipping_of(next).harmed);
}
END_TEST

START_TEST(what_is_forgotten_has_no_harm_any_more)
{
    fill_up();
    ck_assert_int_gt(queue_drop_oldest(queue), 0);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    settle_all(SETTLED_ACKNOWLEDGED);
    ck_assert_int_eq(queue_sync_now(queue), 0);
    note(1, GENERATION_FORGET);
    ck_assert_int_eq(queue_append(queue), 0);
    struct queue_shipping shipping;
    ck_assert(!queue_shipping(queue, 1, &shipping));
    ck_assert(shipping_of(2).harmed);
    close_and_reopen();
    ck_assert(!queue_shipping(queue, 1, &shipping));
    ck_assert(shipping_of(2).harmed);
}
END_TEST

struct listed {
    uint64_t ids[FILES];
    unsigned count;
};

static void list_harmed(void *context, const struct generation *generation,
                        const struct queue_shipping *shipping)
{
    struct listed *listed = context;
    ck_assert(shipping->harmed);
    ck_assert_uint_lt(listed->count, FILES);
    listed->ids[listed->count++] = generation->id;
}

START_TEST(the_harmed_are_listed_whatever_their_harm_is)
{
    fill_up();
    ck_assert_int_gt(queue_drop_oldest(queue), 0); // of 1 and 2
    settle_all(SETTLED_ACKNOWLEDGED);
    ck_assert_int_eq(queue_sync_now(queue), 0);
    (void)queue_sync_step(queue, 1);
    queue_add_lost(queue, 2, 1, true);
    queue_add_lost(queue, 4, 1, false);
    queue_note_copy(queue, 3, 4); // a remark that is no harm of its own
    struct generation skipped = {
        .id = 3, .position = positions[3], .skipped = 1, .path = (char *)(uintptr_t) "/log/3"};
    queue_note_generation(queue, &skipped);
    int error;
    while ((error = queue_append(queue)) == E_FULL) {
        settle_all(SETTLED_ACKNOWLEDGED);
        (void)queue_sync_step(queue, UINT64_MAX / 2);
    }
    ck_assert_int_eq(error, 0);
    struct listed listed = {0};
    queue_each_harmed(queue, list_harmed, &listed);
    ck_assert_uint_eq(listed.count, 4);
    for (unsigned i = 0; i < listed.count; i++) {
        ck_assert_uint_eq(listed.ids[i], i + 1);
    }
}
END_TEST

START_TEST(a_generation_can_be_looked_up)
{
    struct generation generation;
    ck_assert(queue_generation(queue, 2, &generation));
    ck_assert_uint_eq(generation.id, 2);
    ck_assert_str_eq(generation.path, "/log/2");
    free(generation.path);
    ck_assert(!queue_generation(queue, 99, &generation));
    struct queue_shipping shipping;
    ck_assert(!queue_shipping(queue, 99, &shipping));
}
END_TEST

static void check_ended(const uint64_t *expected, size_t expected_count)
{
    size_t count;
    uint64_t *ids = queue_take_ended(queue, &count);
    ck_assert_uint_eq(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(ids[i], expected[i]);
    }
    ck_assert(count > 0 || ids == NULL);
    free(ids);
}

START_TEST(those_that_end_are_collected_when_somebody_wants_them)
{
    note(1, GENERATION_ENDED);
    ck_assert_int_eq(queue_append(queue), 0);
    check_ended(NULL, 0); // nobody wanted them
    queue_track_ended(queue);
    check_ended((const uint64_t[]){1}, 1);
    check_ended(NULL, 0);
    note(2, GENERATION_DELETED);
    note(3, GENERATION_LIVE);
    note(4, GENERATION_ENDED);
    check_ended(NULL, 0); // not in the queue yet
    ck_assert_int_eq(queue_append(queue), 0);
    check_ended((const uint64_t[]){2, 4}, 2);
    close_and_reopen();
    queue_track_ended(queue);
    check_ended((const uint64_t[]){1, 2, 4}, 3);
}
END_TEST

START_TEST(copies_of_copies_share_the_harm_of_all_and_never_hang)
{
    queue_note_copy(queue, 2, 1);
    queue_note_copy(queue, 3, 2);
    queue_add_lost(queue, 1, 9, true);
    ck_assert_int_eq(queue_append(queue), 0);
    ck_assert_uint_eq(shipping_of(3).lost_bytes, 9);
    ck_assert(shipping_of(3).harmed && !shipping_of(4).harmed);
    queue_note_copy(queue, 1, 3);  // in a circle
    queue_note_copy(queue, 4, 77); // of what is not known
    ck_assert_int_eq(queue_append(queue), 0);
    ck_assert(shipping_of(3).harmed && !shipping_of(4).harmed);
    note(1, GENERATION_FORGET);
    ck_assert_int_eq(queue_append(queue), 0);
    ck_assert(!shipping_of(3).harmed);
}
END_TEST

START_TEST(a_record_that_cannot_be_read_again_counts_against_its_file)
{
    ck_assert_int_eq(append(1, 0), 0);
    ck_assert_int_eq(append(2, 0), 0);
    struct queued_record record;
    ck_assert_int_eq(queue_next(queue, &record), 1);
    queue_settle(queue, &record.place, record.source_bytes, SETTLED_DAMAGED);
    queue_settle(queue, &record.place, record.source_bytes, SETTLED_DAMAGED); // once is enough
    ck_assert_int_eq(queue_next(queue, &record), 1);
    queue_settle(queue, &record.place, record.source_bytes, SETTLED_DAMAGED);
    ck_assert_int_eq(queue_persist_acks(queue), 0);
    ck_assert(shipping_of(1).damaged && !shipping_of(3).damaged);
    struct books books;
    queue_books(queue, &books);
    ck_assert_uint_eq(books.damaged.records, 2);
}
END_TEST

START_TEST(a_dead_letter_whose_file_is_not_known_any_more_counts_against_what_may_be_it)
{
    ck_assert_int_eq(append(1, 2), 0);
    ck_assert_int_eq(append(2, 2), 0);
    struct queued_record record;
    ck_assert_int_eq(queue_next(queue, &record), 1);
    record.origin.generation = 0; // as after queue_reread
    record.place.segment = 99;    // whose block cannot be read
    ck_assert_int_eq(queue_write_dead_letter(queue, &record, 2, NULL), 0);
    ck_assert(shipping_of(1).harmed && !shipping_of(3).harmed);
    ck_assert_int_eq(queue_next(queue, &record), 1);
    record.origin.generation = 77;
    ck_assert_int_eq(queue_write_dead_letter(queue, &record, 2, NULL), 0);
    ck_assert(!shipping_of(3).harmed);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue_shipping");
    TCase *tests = tcase_create("shipping");
    tcase_add_checked_fixture(tests, make_world, free_world);
    tcase_add_test(tests, a_generation_is_shipped_when_its_last_record_is_settled);
    tcase_add_test(tests, after_a_restart_it_is_shipped_not_sooner);
    tcase_add_test(tests, what_was_lost_skipped_or_copied_is_remembered_and_counted_once);
    tcase_add_test(tests, what_was_dropped_is_known_per_generation);
    tcase_add_test(tests, nothing_is_ever_dropped_without_being_known_after_a_crash);
    tcase_add_test(tests, a_dead_letter_is_known_also_when_its_record_was_read_again);
    tcase_add_test(tests, damage_is_held_against_what_may_have_been_in_it_and_nothing_else);
    tcase_add_test(tests, a_damaged_file_of_harm_counts_against_everything_known);
    tcase_add_test(tests, what_is_forgotten_has_no_harm_any_more);
    tcase_add_test(tests, the_harmed_are_listed_whatever_their_harm_is);
    tcase_add_test(tests, a_generation_can_be_looked_up);
    tcase_add_test(tests, those_that_end_are_collected_when_somebody_wants_them);
    tcase_add_test(tests, copies_of_copies_share_the_harm_of_all_and_never_hang);
    tcase_add_test(tests, a_record_that_cannot_be_read_again_counts_against_its_file);
    tcase_add_test(tests,
                   a_dead_letter_whose_file_is_not_known_any_more_counts_against_what_may_be_it);
    suite_add_tcase(suite, tests);
    return suite;
}
