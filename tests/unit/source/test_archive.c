// Compressed files of a source: alone, as copies of logs, growing, damaged, and across restarts.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "support/gzip_bytes.h"
#include "support/simfs.h"
#include "support/source_owner.h"
#include "support/test_main.h"

enum { NOTIFY_DESCRIPTORS = 1 };

static char pattern[] = "/d/*";
static char *patterns[] = {pattern};

struct world {
    struct simfs *fs;
    struct owner *owner;
    struct source_config config;
    struct buf archive; // in the making
};

static struct world *make_world(void)
{
    struct world *world = xcalloc(1, sizeof *world);
    world->fs = simfs_create();
    simfs_set_births(world->fs, true);
    simfs_mkdir(world->fs, "/d");
    world->config = (struct source_config){
        .files = {.items = patterns, .count = 1},
        .compressed = true,
        .start_at = START_AT_BEGINNING,
        .poll_interval_ms = 1000,
        .close_after_ms = 60000,
        .open_files_max = 100,
    };
    world->owner = owner_create(simfs_io(world->fs), &world->config, false);
    buf_init(&world->archive, SIZE_MAX);
    simfs_advance_ns(world->fs, 10 * NS_PER_S);
    return world;
}

static void free_world(struct world *world)
{
    ck_assert_msg(owner_failure(world->owner) == NULL, "%s", owner_failure(world->owner));
    owner_free(world->owner);
    simfs_free(world->fs);
    buf_deinit(&world->archive);
    free(world);
}

static struct buf lines(unsigned from, unsigned to)
{
    struct buf text;
    buf_init(&text, SIZE_MAX);
    for (unsigned id = from; id <= to; id++) {
        buf_appendf(&text, "L%05u some text, %u;\n", id, id * 7919 % 10007);
    }
    return text;
}

static void write_lines(struct world *world, const char *path, unsigned from, unsigned to)
{
    struct buf text = lines(from, to);
    simfs_append(world->fs, path, text.data, text.size);
    buf_deinit(&text);
}

// Adds a member to the archive in the making.
static void compress(struct world *world, unsigned from, unsigned to)
{
    struct buf text = lines(from, to);
    gzip_bytes(&world->archive, buf_slice(&text));
    buf_deinit(&text);
}

static void put(struct world *world, const char *path, size_t from, size_t to)
{
    simfs_append(world->fs, path, world->archive.data + from, to - from);
}

static void write_archive(struct world *world, const char *path, unsigned from, unsigned to)
{
    buf_clear(&world->archive);
    compress(world, from, to);
    put(world, path, 0, world->archive.size);
}

// As gzip(1) does: the original is removed when its copy is complete.
static void gzip_file(struct world *world, const char *path, bool keep)
{
    char *name = xasprintf("%s.gz", path);
    buf_clear(&world->archive);
    gzip_bytes(&world->archive, simfs_content(world->fs, path));
    put(world, name, 0, world->archive.size);
    if (!keep) {
        simfs_unlink(world->fs, path);
    }
    free(name);
}

static void settle(struct world *world)
{
    for (int i = 0; i < 40; i++) {
        owner_drain(world->owner);
        owner_commit(world->owner);
        simfs_advance_ns(world->fs, 2 * NS_PER_S);
    }
}

static void step_if(struct world *world, unsigned wanted)
{
    if (wanted != 0) {
        owner_step(world->owner);
    }
}

static void restart(struct world *world)
{
    owner_stop(world->owner);
    simfs_advance_ns(world->fs, 2 * NS_PER_S);
}

static void check_lines(const struct world *world, unsigned from, unsigned to, unsigned times)
{
    for (unsigned id = from; id <= to; id++) {
        ck_assert_msg(owner_times_read(world->owner, id) == times, "line %u was read %u times", id,
                      owner_times_read(world->owner, id));
    }
}

static void check_state(const struct world *world, const char *path, const char *state)
{
    char *found = owner_state_of(world->owner, path);
    ck_assert_ptr_nonnull(found);
    ck_assert_msg(strncmp(found, state, strlen(state)) == 0, "%s: %s", path, found);
    free(found);
}

START_TEST(an_archive_is_read_with_all_its_members)
{
    struct world *world = make_world();
    compress(world, 1, 100);
    gzip_bytes(&world->archive, slice_of_text(""));
    compress(world, 101, 200);
    put(world, "/d/app.log.1.gz", 0, world->archive.size);
    settle(world);
    check_lines(world, 1, 200, 1);
    check_state(world, "/d/app.log.1.gz", "done");
    ck_assert_uint_eq(simfs_open_count(world->fs), NOTIFY_DESCRIPTORS);
    restart(world);
    settle(world);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    free_world(world);
}
END_TEST

START_TEST(an_archive_that_is_not_wanted_is_not_read_and_says_so)
{
    struct world *world = make_world();
    world->config.compressed = false;
    write_archive(world, "/d/app.log.1.gz", 1, 10);
    write_lines(world, "/d/plain.gz", 11, 20);
    settle(world);
    check_lines(world, 1, 10, 0);
    check_lines(world, 11, 20, 1);
    check_state(world, "/d/app.log.1.gz", "not read: compressed; set compressed: true");
    simfs_unlink(world->fs, "/d/app.log.1.gz");
    settle(world);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    free_world(world);
}
END_TEST

START_TEST(what_is_compressed_otherwise_is_not_read_as_text)
{
    static const struct {
        const char *path;
        struct slice bytes;
        const char *state;
    } cases[] = {
        {"/d/a.log.xz",
         {(const uint8_t *)"\xfd"
                           "7zXZ\0L1;\n",
          10},
         "not read: compressed by xz"},
        {"/d/b.log.zst",
         {(const uint8_t *)"\x28\xb5\x2f\xfd"
                           "L1;\n",
          8},
         "not read: compressed by zstd"},
        {"/d/c.log.bz2",
         {(const uint8_t *)"BZh91AY&SY L1;\n", 15},
         "not read: compressed by bzip2"},
        {"/d/d.log.lz4",
         {(const uint8_t *)"\x04\x22\x4d\x18L1;\n", 8},
         "not read: compressed by lz4"},
        {"/d/e.log.Z", {(const uint8_t *)"\x1f\x9dL1;\n", 6}, "not read: compressed by compress"},
    };
    struct world *world = make_world();
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        simfs_append(world->fs, cases[i].path, cases[i].bytes.data, cases[i].bytes.size);
    }
    write_lines(world, "/d/plain.xz", 11, 20);
    for (int i = 0; i < 2; i++) {
        settle(world);
        check_lines(world, 1, 10, 0);
        check_lines(world, 11, 20, 1);
        for (size_t j = 0; j < ARRAY_COUNT(cases); j++) {
            check_state(world, cases[j].path, cases[j].state);
        }
        restart(world);
    }
    free_world(world);
}
END_TEST

// What is compressed behind the reader: how far it is, and whether it is there.
static void compress_behind(unsigned reads, bool running, bool commits)
{
    struct world *world = make_world();
    write_lines(world, "/d/app.log", 1, 400);
    owner_step(world->owner);
    for (unsigned i = 0; i < reads; i++) {
        (void)owner_read_some(world->owner, 1000);
    }
    if (commits) {
        owner_commit(world->owner);
    }
    if (!running) {
        owner_stop(world->owner);
    }
    simfs_rename(world->fs, "/d/app.log", "/d/app.log.1");
    write_lines(world, "/d/app.log", 401, 500);
    gzip_file(world, "/d/app.log.1", false);
    settle(world);
    check_lines(world, 1, 500, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    restart(world);
    simfs_rename(world->fs, "/d/app.log.1.gz", "/d/app.log.2.gz");
    settle(world);
    free_world(world);
}

START_TEST(a_log_that_is_compressed_behind_a_slow_reader_goes_on)
{
    for (unsigned reads = 0; reads < 14; reads++) {
        compress_behind(reads, true, reads % 2 == 0);
    }
}
END_TEST

START_TEST(a_log_that_is_compressed_while_nobody_reads_goes_on)
{
    for (unsigned reads = 0; reads < 14; reads++) {
        compress_behind(reads, false, true);
        compress_behind(reads, false, false);
    }
}
END_TEST

START_TEST(a_log_that_was_read_and_is_compressed_later_is_not_read_again)
{
    struct world *world = make_world();
    write_lines(world, "/d/app.log", 1, 100);
    settle(world);
    simfs_rename(world->fs, "/d/app.log", "/d/app.log.1");
    settle(world);
    gzip_file(world, "/d/app.log.1", false);
    settle(world);
    restart(world);
    settle(world);
    simfs_rename(world->fs, "/d/app.log.1.gz", "/d/app.log.2.gz");
    settle(world);
    check_lines(world, 1, 100, 1);
    free_world(world);
}
END_TEST

// Steps between what happens to the logs, as the bits of `steps` say.
static void cut_and_compress(unsigned steps)
{
    struct world *world = make_world();
    write_lines(world, "/d/app.log", 1, 10);
    owner_drain(world->owner);
    simfs_rename(world->fs, "/d/app.log", "/d/app.log.1");
    write_lines(world, "/d/app.log.1", 11, 20);
    write_lines(world, "/d/app.log", 21, 30);
    owner_step(world->owner);
    simfs_truncate(world->fs, "/d/app.log", 0);
    write_lines(world, "/d/app.log", 31, 60);
    step_if(world, steps & 1);
    simfs_rename(world->fs, "/d/app.log.1", "/d/app.log.2");
    step_if(world, steps & 2);
    simfs_rename(world->fs, "/d/app.log", "/d/app.log.1");
    write_lines(world, "/d/app.log", 61, 70);
    step_if(world, steps & 4);
    gzip_file(world, "/d/app.log.1", true);
    step_if(world, steps & 8);
    simfs_unlink(world->fs, "/d/app.log.1");
    step_if(world, steps & 16);
    settle(world);
    check_lines(world, 1, 20, 1);
    check_lines(world, 31, 70, 1);
    free_world(world);
}

START_TEST(a_log_that_waits_for_an_older_one_may_be_cut_and_compressed)
{
    for (unsigned steps = 0; steps < 32; steps++) {
        cut_and_compress(steps);
    }
}
END_TEST

START_TEST(an_archive_that_is_looked_through_leaves_its_descriptor_to_others)
{
    struct world *world = make_world();
    world->config.open_files_max = 2;
    write_lines(world, "/d/app.log.1", 1, 10);
    simfs_append(world->fs, "/d/app.log", "", 0);
    settle(world);
    restart(world);
    gzip_file(world, "/d/app.log.1", false);
    write_lines(world, "/d/app.log", 11, 30);
    owner_step(world->owner);
    write_lines(world, "/d/app.log.new", 31, 40);
    simfs_rename(world->fs, "/d/app.log.new", "/d/app.log");
    settle(world);
    check_lines(world, 1, 40, 1);
    free_world(world);
}
END_TEST

START_TEST(an_original_that_was_kept_may_grow_and_be_compressed_anew)
{
    for (unsigned steps = 0; steps < 6; steps++) {
        struct world *world = make_world();
        write_lines(world, "/d/app.log", 1, 10);
        owner_drain(world->owner);
        owner_commit(world->owner);
        simfs_rename(world->fs, "/d/app.log", "/d/app.log.1");
        gzip_file(world, "/d/app.log.1", true);
        for (unsigned i = 0; i < steps; i++) {
            owner_step(world->owner);
        }
        write_lines(world, "/d/app.log.1", 11, 20);
        simfs_unlink(world->fs, "/d/app.log.1.gz");
        gzip_file(world, "/d/app.log.1", false);
        settle(world);
        check_lines(world, 1, 20, 1);
        free_world(world);
    }
}
END_TEST

START_TEST(an_archive_beside_its_original_is_not_read)
{
    struct world *world = make_world();
    write_lines(world, "/d/app.log.1", 1, 100);
    gzip_file(world, "/d/app.log.1", true);
    for (int i = 0; i < 4; i++) {
        owner_step(world->owner);
    }
    check_state(world, "/d/app.log.1.gz", "held: the compressed copy");
    settle(world);
    check_lines(world, 1, 100, 1);
    check_state(world, "/d/app.log.1.gz", "done");
    restart(world);
    settle(world);
    write_lines(world, "/d/app.log.1", 101, 110);
    settle(world);
    simfs_unlink(world->fs, "/d/app.log.1");
    settle(world);
    check_lines(world, 1, 110, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    free_world(world);
}
END_TEST

START_TEST(an_archive_takes_over_when_its_unread_original_goes)
{
    struct world *world = make_world();
    write_lines(world, "/d/app.log.1", 1, 400);
    owner_step(world->owner);
    (void)owner_read_some(world->owner, 1000);
    owner_commit(world->owner);
    gzip_file(world, "/d/app.log.1", true);
    owner_step(world->owner);
    owner_step(world->owner);
    restart(world);
    simfs_unlink(world->fs, "/d/app.log.1");
    settle(world);
    check_lines(world, 1, 400, 1);
    free_world(world);
}
END_TEST

START_TEST(an_archive_that_is_renamed_before_it_is_opened_is_found_again)
{
    struct world *world = make_world();
    simfs_set_network(world->fs, true);
    write_lines(world, "/d/app.log.1", 1, 100);
    gzip_file(world, "/d/app.log.1", true);
    for (int i = 0; i < 4; i++) {
        owner_step(world->owner);
    }
    check_state(world, "/d/app.log.1.gz", "held: the compressed copy");
    simfs_unlink(world->fs, "/d/app.log.1");
    for (int i = 0; i < 4; i++) {
        simfs_advance_ns(world->fs, NS_PER_S);
        simfs_rename(world->fs, "/d/app.log.1.gz", "/d/app.log.2.gz");
        owner_step(world->owner);
        simfs_rename(world->fs, "/d/app.log.2.gz", "/d/app.log.1.gz");
        owner_step(world->owner);
    }
    settle(world);
    settle(world);
    check_lines(world, 1, 100, 1);
    check_state(world, "/d/app.log.1.gz", "done");
    free_world(world);
}
END_TEST

START_TEST(an_archive_is_not_judged_before_it_is_written)
{
    struct world *world = make_world();
    write_lines(world, "/d/app.log", 1, 400);
    owner_step(world->owner);
    (void)owner_read_some(world->owner, 1000);
    owner_commit(world->owner);
    restart(world);
    simfs_rename(world->fs, "/d/app.log", "/d/app.log.1");
    gzip_bytes(&world->archive, simfs_content(world->fs, "/d/app.log.1"));
    size_t part = world->archive.size / 8;
    for (size_t i = 0; i < 8; i++) {
        put(world, "/d/app.log.1.gz", i * part, i == 7 ? world->archive.size : (i + 1) * part);
        owner_step(world->owner);
        owner_step(world->owner);
        ck_assert_uint_eq(owner_times_read(world->owner, 100), 0);
        simfs_advance_ns(world->fs, 15 * NS_PER_S);
    }
    owner_step(world->owner);
    owner_commit(world->owner);
    restart(world);
    simfs_unlink(world->fs, "/d/app.log.1");
    settle(world);
    check_lines(world, 1, 400, 1);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    free_world(world);
}
END_TEST

START_TEST(an_archive_that_ends_early_is_read_to_there)
{
    struct world *world = make_world();
    compress(world, 1, 100);
    compress(world, 101, 500);
    put(world, "/d/app.log.1.gz", 0, world->archive.size - 50);
    write_lines(world, "/d/app.log", 501, 600);
    settle(world);
    check_lines(world, 1, 450, 1);
    check_lines(world, 501, 600, 1);
    check_state(world, "/d/app.log.1.gz", "done: it ends early");
    put(world, "/d/app.log.1.gz", world->archive.size - 50, world->archive.size);
    settle(world);
    check_lines(world, 500, 500, 1);
    check_state(world, "/d/app.log.1.gz", "done: read");
    free_world(world);
}
END_TEST

START_TEST(a_damaged_archive_is_read_to_the_damage)
{
    struct world *world = make_world();
    compress(world, 1, 100);
    size_t first = world->archive.size;
    compress(world, 101, 200);
    world->archive.data[first + 2] ^= 1; // another method of compression
    put(world, "/d/app.log.1.gz", 0, world->archive.size);
    write_lines(world, "/d/app.log", 501, 600);
    settle(world);
    check_lines(world, 1, 100, 1);
    check_lines(world, 101, 200, 0);
    check_lines(world, 501, 600, 1);
    check_state(world, "/d/app.log.1.gz", "done: damaged");
    free_world(world);
}
END_TEST

START_TEST(an_archive_goes_on_after_a_restart_anywhere)
{
    for (unsigned reads = 0; reads < 12; reads++) {
        struct world *world = make_world();
        compress(world, 1, 200);
        compress(world, 201, 400);
        put(world, "/d/app.log.1.gz", 0, world->archive.size);
        for (unsigned i = 0; i < reads; i++) {
            owner_step(world->owner);
            (void)owner_read_some(world->owner, 1000);
        }
        owner_commit(world->owner);
        restart(world);
        owner_step(world->owner);
        owner_step(world->owner);
        (void)owner_read_some(world->owner, 1000);
        restart(world);
        settle(world);
        check_lines(world, 1, 400, 1);
        free_world(world);
    }
}
END_TEST

START_TEST(more_than_the_limit_is_not_read)
{
    struct world *world = make_world();
    world->config.compressed_max_size = 5000;
    write_archive(world, "/d/big.gz", 1, 1000);
    write_archive(world, "/d/small.gz", 1001, 1100);
    settle(world);
    check_lines(world, 1, 150, 1);
    check_lines(world, 300, 1000, 0);
    check_lines(world, 1001, 1100, 1);
    check_state(world, "/d/big.gz", "not read further: more than compressed_max_size");
    restart(world);
    world->config.compressed_max_size = 0;
    settle(world);
    check_lines(world, 1, 1100, 1);
    check_state(world, "/d/big.gz", "done");
    free_world(world);
}
END_TEST

START_TEST(the_limit_is_not_for_a_log_that_is_known)
{
    struct world *world = make_world();
    world->config.compressed_max_size = 5000;
    write_lines(world, "/d/app.log.1", 1, 1000);
    owner_step(world->owner);
    (void)owner_read_some(world->owner, 1000);
    owner_commit(world->owner);
    restart(world);
    gzip_file(world, "/d/app.log.1", false);
    settle(world);
    check_lines(world, 1, 1000, 1);
    free_world(world);
}
END_TEST

START_TEST(archives_are_read_oldest_first)
{
    struct world *world = make_world();
    write_archive(world, "/d/app.log.3.gz", 1, 500);
    simfs_advance_ns(world->fs, 10 * NS_PER_S);
    write_archive(world, "/d/app.log.2.gz", 501, 1000);
    simfs_advance_ns(world->fs, 10 * NS_PER_S);
    write_archive(world, "/d/app.log.1.gz", 1001, 1500);
    unsigned read = 0;
    for (int i = 0; i < 200; i++) {
        owner_step(world->owner);
        (void)owner_read_some(world->owner, 1000);
        while (read < 1500 && owner_times_read(world->owner, read + 1) == 1) {
            read++;
        }
        for (unsigned id = read + 1; id <= 1500; id++) {
            ck_assert_uint_eq(owner_times_read(world->owner, id), 0);
        }
    }
    ck_assert_uint_eq(read, 1500);
    free_world(world);
}
END_TEST

START_TEST(members_that_are_added_are_read)
{
    struct world *world = make_world();
    write_archive(world, "/d/app.gz", 1, 100);
    settle(world);
    write_archive(world, "/d/app.gz", 101, 200);
    settle(world);
    check_lines(world, 1, 200, 1);
    restart(world);
    write_archive(world, "/d/app.gz", 201, 300);
    settle(world);
    check_lines(world, 1, 300, 1);
    free_world(world);
}
END_TEST

START_TEST(an_archive_that_is_written_anew_is_read_anew)
{
    struct world *world = make_world();
    write_archive(world, "/d/app.gz", 1, 400);
    settle(world);
    simfs_truncate(world->fs, "/d/app.gz", 0);
    write_archive(world, "/d/app.gz", 401, 500);
    settle(world);
    check_lines(world, 1, 500, 1);
    free_world(world);
}
END_TEST

START_TEST(empty_archives_have_nothing_to_be_read)
{
    struct world *world = make_world();
    gzip_bytes(&world->archive, slice_of_text(""));
    put(world, "/d/a.gz", 0, world->archive.size);
    put(world, "/d/b.gz", 0, 5);
    write_lines(world, "/d/app.log", 1, 10);
    settle(world);
    check_lines(world, 1, 10, 1);
    check_state(world, "/d/a.gz", "at end");
    simfs_unlink(world->fs, "/d/a.gz");
    settle(world);
    ck_assert_uint_eq(owner_lost_bytes(world->owner), 0);
    free_world(world);
}
END_TEST

START_TEST(an_archive_that_no_pattern_matches_takes_along_what_was_seen_and_not_read)
{
    static char logs[] = "/d/*.log";
    static char *of_logs[] = {logs};
    struct world *world = make_world();
    world->config.files.items = of_logs;
    world->config.open_files_max = 1;
    write_lines(world, "/d/a.log", 1, 400);
    uint64_t size = simfs_size(world->fs, "/d/a.log");
    owner_step(world->owner);
    (void)owner_read_some(world->owner, 1000);
    write_lines(world, "/d/b.log", 401, 500);
    owner_step(world->owner); // opens that one, and closes the other
    gzip_file(world, "/d/a.log", false);
    settle(world);
    check_lines(world, 50, 400, 0);
    check_lines(world, 401, 500, 1);
    // The line of which a part was read is taken to have had its newline.
    ck_assert_uint_eq(owner_lost_bytes(world->owner), size - 1000 - 1);
    free_world(world);
}
END_TEST

START_TEST(archives_that_begin_alike_are_distinct)
{
    struct world *world = make_world();
    struct buf text;
    buf_init(&text, SIZE_MAX);
    for (int i = 0; i < 2000; i++) {
        buf_append_text(&text, "the same header\n");
    }
    for (unsigned i = 0; i < 20; i++) {
        char *path = xasprintf("/d/app.%u.gz", i);
        struct buf whole = lines(i * 10 + 1, i * 10 + 10);
        struct buf content;
        buf_init(&content, SIZE_MAX);
        buf_append_slice(&content, buf_slice(&text));
        buf_append_slice(&content, buf_slice(&whole));
        buf_clear(&world->archive);
        gzip_bytes(&world->archive, buf_slice(&content));
        put(world, path, 0, world->archive.size);
        buf_deinit(&whole);
        buf_deinit(&content);
        free(path);
    }
    settle(world);
    check_lines(world, 1, 200, 1);
    restart(world);
    settle(world);
    buf_deinit(&text);
    free_world(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("archive");
    TCase *tcase = tcase_create("archive");
    tcase_add_test(tcase, an_archive_is_read_with_all_its_members);
    tcase_add_test(tcase, an_archive_that_is_not_wanted_is_not_read_and_says_so);
    tcase_add_test(tcase, what_is_compressed_otherwise_is_not_read_as_text);
    tcase_add_test(tcase, a_log_that_is_compressed_behind_a_slow_reader_goes_on);
    tcase_add_test(tcase, a_log_that_is_compressed_while_nobody_reads_goes_on);
    tcase_add_test(tcase, a_log_that_was_read_and_is_compressed_later_is_not_read_again);
    tcase_add_test(tcase, a_log_that_waits_for_an_older_one_may_be_cut_and_compressed);
    tcase_add_test(tcase, an_archive_that_is_looked_through_leaves_its_descriptor_to_others);
    tcase_add_test(tcase, an_original_that_was_kept_may_grow_and_be_compressed_anew);
    tcase_add_test(tcase, an_archive_beside_its_original_is_not_read);
    tcase_add_test(tcase, an_archive_takes_over_when_its_unread_original_goes);
    tcase_add_test(tcase, an_archive_that_is_renamed_before_it_is_opened_is_found_again);
    tcase_add_test(tcase, an_archive_is_not_judged_before_it_is_written);
    tcase_add_test(tcase, an_archive_that_ends_early_is_read_to_there);
    tcase_add_test(tcase, a_damaged_archive_is_read_to_the_damage);
    tcase_add_test(tcase, an_archive_goes_on_after_a_restart_anywhere);
    tcase_add_test(tcase, more_than_the_limit_is_not_read);
    tcase_add_test(tcase, the_limit_is_not_for_a_log_that_is_known);
    tcase_add_test(tcase, archives_are_read_oldest_first);
    tcase_add_test(tcase, members_that_are_added_are_read);
    tcase_add_test(tcase, an_archive_that_is_written_anew_is_read_anew);
    tcase_add_test(tcase, empty_archives_have_nothing_to_be_read);
    tcase_add_test(tcase,
                   an_archive_that_no_pattern_matches_takes_along_what_was_seen_and_not_read);
    tcase_add_test(tcase, archives_that_begin_alike_are_distinct);
    suite_add_tcase(suite, tcase);
    return suite;
}
