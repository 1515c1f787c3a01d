// What the source says of a file: why it is not read, or what is done with it.
#include <errno.h>

#include "base/buf.h"
#include "support/gzip_bytes.h"
#include "support/source_world.h"
#include "support/test_main.h"

#define LOG "/d/app.log"

static void compress(struct source_world *world, const char *path, const char *archive_path)
{
    struct buf archive;
    buf_init(&archive, SIZE_MAX);
    gzip_bytes(&archive, simfs_content(world->fs, path));
    simfs_append(world->fs, archive_path, archive.data, archive.size);
    buf_deinit(&archive);
}

START_TEST(what_is_not_a_readable_file_says_so)
{
    struct source_world *world = source_world_create("/d/*");
    simfs_mkdir(world->fs, "/d/sub");
    simfs_fifo(world->fs, "/d/fifo");
    simfs_symlink(world->fs, "/nowhere", "/d/dangling");
    simfs_symlink(world->fs, "/d/loop.2", "/d/loop.1");
    simfs_symlink(world->fs, "/d/loop.1", "/d/loop.2");
    simfs_symlink(world->fs, "/d/sub", "/d/directory");
    source_world_write(world, "/d/closed", 1, 1);
    simfs_set_readable(world->fs, "/d/closed", false);
    source_world_read_for_s(world, 3);
    source_world_check_state(world, "/d/sub", "not read: a directory");
    source_world_check_state(world, "/d/directory", "not read: a directory");
    source_world_check_state(world, "/d/fifo", "not read: not a regular file");
    source_world_check_state(world, "/d/dangling", "not read: a symbolic link that leads nowhere");
    source_world_check_state(world, "/d/loop.1", "not read: a loop of symbolic links");
    source_world_check_state(world, "/d/closed", "not read: permission denied");
    simfs_set_readable(world->fs, "/d/closed", true);
    source_world_write(world, "/nowhere", 2, 2);
    source_world_read_for_s(world, 20);
    source_world_check(world, 1, 2, 1);
    source_world_free(world);
}
END_TEST

START_TEST(a_file_that_is_older_than_it_may_be_says_so_until_it_grows)
{
    struct source_world *world = source_world_create("/d/*");
    world->config.ignore_older_ms = 60000;
    source_world_append(world, LOG, "old\n");
    source_world_pass_s(world, 100);
    source_world_read_for_s(world, 3);
    source_world_check_state(world, LOG, "not read: older than ignore_older");
    source_world_write(world, LOG, 1, 1);
    source_world_read(world);
    source_world_check_state(world, LOG, "at end");
    source_world_check(world, 1, 1, 1);
    source_world_free(world);
}
END_TEST

// A failing disk, and a permission that is withdrawn while the file is known.
START_TEST(a_file_that_cannot_be_read_any_more_says_why_and_goes_on_when_it_can)
{
    static const struct {
        int error;
        const char *state;
    } troubles[] = {
        {-EIO, "not read: it cannot be looked at"},
        {-EACCES, "not read: permission denied"},
        {-EPERM, "not read: permission denied"},
    };
    struct source_world *world = source_world_create("/d/*");
    owner_expect_faults(world->owner);
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    source_world_write(world, LOG, 6, 7);
    fault_io_fail(&world->fault, "pread", 1, 100, troubles[_i].error);
    source_world_read(world);
    source_world_check_state(world, LOG, troubles[_i].state);
    fault_io_heal(&world->fault);
    source_world_write(world, LOG, 8, 8);
    source_world_read_for_s(world, 10);
    source_world_check_state(world, LOG, "at end");
    source_world_check(world, 1, 8, 1);
    source_world_free(world);
}
END_TEST

START_TEST(a_file_that_goes_says_what_it_waits_for)
{
    struct source_world *world = source_world_create("/d/*.log*");
    world->config.compressed = true;
    source_world_write(world, LOG, 1, 5);
    source_world_write(world, "/d/deleted.log", 11, 15);
    source_world_read(world);
    source_world_check_state(world, LOG, "at end");
    simfs_rename(world->fs, LOG, "/d/app.log.1");
    simfs_unlink(world->fs, "/d/deleted.log");
    source_world_read(world);
    source_world_check_state(world, "/d/app.log.1", "departing: renamed");
    source_world_check_state(world, "/d/deleted.log", "departing: deleted");
    source_world_read_for_s(world, 65);
    source_world_check_state(world, "/d/app.log.1", "done");
    ck_assert_ptr_null(owner_state_of(world->owner, "/d/deleted.log"));
    source_world_free(world);
}
END_TEST

START_TEST(what_is_polled_says_so)
{
    struct source_world *world = source_world_create("/d/*");
    simfs_set_network(world->fs, true);
    source_world_write(world, LOG, 1, 5);
    source_world_read_for_s(world, 3);
    source_world_check_state(world, LOG, "at end, polled");
    source_world_free(world);
}
END_TEST

// ---- one file ----

static enum source_knowledge find(struct source_world *world, const char *path,
                                  struct source_file_info *out_info)
{
    struct io *io = simfs_io(world->fs);
    struct file_stat stat = {0};
    (void)io->stat(io, path, false, &stat);
    return source_find(owner_source(world->owner), stat.device, stat.inode, path, out_info);
}

START_TEST(a_file_is_found_by_device_and_inode_with_what_is_known_of_it)
{
    struct source_world *world = source_world_create("/d/*.log");
    source_world_write(world, LOG, 1, 5);
    source_world_write(world, "/d/other", 6, 6);
    source_world_read(world);
    struct source_file_info info;
    ck_assert_int_eq(find(world, LOG, &info), SOURCE_KNOWN);
    ck_assert_uint_eq(info.generation, 1);
    ck_assert_uint_eq(info.position, simfs_size(world->fs, LOG));
    ck_assert_uint_eq(info.size, info.position);
    ck_assert(!info.compressed);
    ck_assert_uint_eq(info.ends_with, 0);
    ck_assert_str_eq(info.state, "at end");
    ck_assert_int_eq(find(world, "/d/other", &info), SOURCE_NO_MATCH);
    simfs_rename(world->fs, LOG, "/elsewhere");
    source_world_read(world);
    ck_assert_int_eq(find(world, "/elsewhere", &info), SOURCE_KNOWN);
    source_world_free(world);
}
END_TEST

START_TEST(an_inode_of_another_device_is_another_file)
{
    struct source_world *world = source_world_create("/d/*.log");
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    simfs_set_device(world->fs, 77);
    struct source_file_info info;
    ck_assert_int_eq(find(world, LOG, &info), SOURCE_NOT_READ);
    source_world_free(world);
}
END_TEST

START_TEST(a_matching_file_that_is_not_read_is_found_with_the_reason)
{
    struct source_world *world = source_world_create("/d/*.log");
    source_world_write(world, LOG, 1, 5);
    source_world_read(world);
    simfs_fifo(world->fs, "/d/fifo.log");
    source_world_read(world);
    struct source_file_info info;
    ck_assert_int_eq(find(world, "/d/fifo.log", &info), SOURCE_NOT_READ);
    ck_assert_str_eq(info.state, "not read: not a regular file");
    source_world_append(world, "/d/new.log", "not looked at yet\n");
    ck_assert_int_eq(find(world, "/d/new.log", &info), SOURCE_NOT_READ);
    ck_assert_str_eq(info.state, "new: not looked into yet");
    source_world_free(world);
}
END_TEST

START_TEST(a_file_that_may_not_be_read_is_found_with_that_reason)
{
    struct source_world *world = source_world_create("/d/*.log");
    owner_expect_faults(world->owner);
    source_world_write(world, LOG, 1, 5);
    if (_i == 0) { // it was read, and is known
        source_world_read(world);
        source_world_write(world, LOG, 6, 7);
        fault_io_fail(&world->fault, "pread", 1, 100, -EACCES);
    } else {
        fault_io_fail(&world->fault, _i == 1 ? "open" : "list", 1, 100, -EACCES);
    }
    source_world_read(world);
    struct source_file_info info;
    ck_assert_int_eq(find(world, LOG, &info), _i == 2 ? SOURCE_NOT_READ : SOURCE_KNOWN);
    ck_assert_str_eq(info.state, "not read: permission denied");
    source_world_free(world);
}
END_TEST

START_TEST(an_archive_is_found_with_the_size_of_its_content)
{
    struct source_world *world = source_world_create("/d/*.gz");
    world->config.compressed = true;
    source_world_write(world, "/plain", 1, 50);
    compress(world, "/plain", "/d/a.gz");
    source_world_read_for_s(world, 20);
    struct source_file_info info;
    ck_assert_int_eq(find(world, "/d/a.gz", &info), SOURCE_KNOWN);
    ck_assert(info.compressed);
    ck_assert_uint_eq(info.position, simfs_size(world->fs, "/plain"));
    ck_assert_uint_eq(info.ends_with, simfs_size(world->fs, "/d/a.gz"));
    source_world_free(world);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("states of files");
    TCase *tests = tcase_create("status");
    tcase_add_test(tests, what_is_not_a_readable_file_says_so);
    tcase_add_test(tests, a_file_that_is_older_than_it_may_be_says_so_until_it_grows);
    tcase_add_loop_test(tests, a_file_that_cannot_be_read_any_more_says_why_and_goes_on_when_it_can,
                        0, 3);
    tcase_add_test(tests, a_file_that_goes_says_what_it_waits_for);
    tcase_add_test(tests, what_is_polled_says_so);
    suite_add_tcase(suite, tests);
    TCase *one = tcase_create("one file");
    tcase_add_test(one, a_file_is_found_by_device_and_inode_with_what_is_known_of_it);
    tcase_add_test(one, an_inode_of_another_device_is_another_file);
    tcase_add_test(one, a_matching_file_that_is_not_read_is_found_with_the_reason);
    tcase_add_loop_test(one, a_file_that_may_not_be_read_is_found_with_that_reason, 0, 3);
    tcase_add_test(one, an_archive_is_found_with_the_size_of_its_content);
    suite_add_tcase(suite, one);
    return suite;
}
