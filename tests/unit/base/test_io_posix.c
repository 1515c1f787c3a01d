#include "base/io_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "support/tempdir.h"
#include "support/test_main.h"

static struct io *io;
static char *dir;

static void setup(void)
{
    io = io_posix();
    dir = tempdir_create();
}

static void teardown(void)
{
    tempdir_remove(dir);
}

// Returns owned memory: the path of a name in the directory of the test.
static char *path_of(const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static int create(const char *path)
{
    int fd = io->open(io, path, O_RDWR | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    return fd;
}

START_TEST(descriptors_do_not_survive_exec)
{
    int fd = io->open(io, "/dev/null", O_RDONLY, 0);
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    io->close(io, fd);
    ck_assert_int_eq(io->open(io, "/nowhere/at/all", O_RDONLY, 0), -ENOENT);
}
END_TEST

START_TEST(files_are_written_read_and_cut)
{
    char *path = path_of("f");
    int fd = create(path);
    char data[10];
    ck_assert_int_eq(io->pwrite(io, fd, "0123456789", 10, 0), 10);
    ck_assert_int_eq(io->pread(io, fd, data, 4, 3), 4);
    ck_assert_mem_eq(data, "3456", 4);
    ck_assert_int_eq(io->ftruncate(io, fd, 5), 0);
    ck_assert_int_eq(io->pread(io, fd, data, 10, 0), 5);
    ck_assert_int_eq(io->pread(io, fd, data, 10, 5), 0);
    ck_assert_int_eq(io->fdatasync(io, fd), 0);
    ck_assert_int_eq(io->sync_dir(io, dir), 0);
    ck_assert_int_eq(io->sync_dir(io, path), -ENOTDIR);
    ck_assert_int_eq(io->pread(io, -1, data, 1, 0), -EBADF);
    ck_assert_int_eq(io->pwrite(io, -1, data, 1, 0), -EBADF);
    io->close(io, fd);
    free(path);
}
END_TEST

START_TEST(stat_tells_kind_identity_and_size)
{
    char *path = path_of("f");
    char *link_path = path_of("l");
    char *fifo = path_of("p");
    int fd = create(path);
    ck_assert_int_eq(io->pwrite(io, fd, "abc", 3, 0), 3);
    ck_assert_int_eq(symlink("f", link_path), 0);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    struct file_stat by_fd;
    struct file_stat by_path;
    ck_assert_int_eq(io->fstat(io, fd, &by_fd), 0);
    ck_assert_int_eq(io->stat(io, link_path, true, &by_path), 0);
    ck_assert_int_eq(by_fd.kind, FILE_REGULAR);
    ck_assert_uint_eq(by_fd.size, 3);
    ck_assert_uint_eq(by_fd.link_count, 1);
    ck_assert_uint_eq(by_fd.inode, by_path.inode);
    ck_assert_uint_eq(by_fd.device, by_path.device);
    uint64_t now = io->real_ns(io);
    ck_assert(by_fd.mtime_ns <= now && by_fd.mtime_ns > now - 60 * NS_PER_S);
    ck_assert(by_fd.birth_ns <= now);
    ck_assert_int_eq(io->stat(io, link_path, false, &by_path), 0);
    ck_assert_int_eq(by_path.kind, FILE_SYMLINK);
    ck_assert_int_eq(io->stat(io, dir, true, &by_path), 0);
    ck_assert_int_eq(by_path.kind, FILE_DIRECTORY);
    ck_assert_int_eq(io->stat(io, fifo, true, &by_path), 0);
    ck_assert_int_eq(by_path.kind, FILE_OTHER);
    ck_assert_int_eq(io->unlink(io, path), 0);
    ck_assert_int_eq(io->fstat(io, fd, &by_fd), 0);
    ck_assert_uint_eq(by_fd.link_count, 0);
    ck_assert_int_eq(io->stat(io, path, true, &by_path), -ENOENT);
    io->close(io, fd);
    free(fifo);
    free(link_path);
    free(path);
}
END_TEST

START_TEST(names_are_moved_and_removed)
{
    char *a = path_of("a");
    char *b = path_of("b");
    io->close(io, create(a));
    ck_assert_int_eq(io->rename(io, a, b), 0);
    ck_assert_int_eq(io->rename(io, a, b), -ENOENT);
    ck_assert_int_eq(io->unlink(io, b), 0);
    ck_assert_int_eq(io->unlink(io, b), -ENOENT);
    ck_assert_int_eq(io->mkdir(io, b, 0700), 0);
    ck_assert_int_eq(io->mkdir(io, b, 0700), -EEXIST);
    free(b);
    free(a);
}
END_TEST

struct seen {
    unsigned count[4]; // by kind
    int result;
};

static int note_entry(void *context, const char *name, enum file_kind kind)
{
    struct seen *seen = context;
    ck_assert_str_ne(name, ".");
    ck_assert_str_ne(name, "..");
    seen->count[kind]++;
    return seen->result;
}

START_TEST(listing_names_every_entry_with_its_kind)
{
    const char *names[] = {"a", "b", "c"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        char *path = path_of(names[i]);
        io->close(io, create(path));
        free(path);
    }
    char *sub = path_of("sub");
    char *link_path = path_of("link");
    ck_assert_int_eq(io->mkdir(io, sub, 0700), 0);
    ck_assert_int_eq(symlink("nowhere", link_path), 0);

    struct seen seen = {0};
    ck_assert_int_eq(io->list(io, dir, note_entry, &seen), 0);
    ck_assert_uint_eq(seen.count[FILE_REGULAR], 3);
    ck_assert_uint_eq(seen.count[FILE_DIRECTORY], 1);
    ck_assert_uint_eq(seen.count[FILE_SYMLINK], 1);
    ck_assert_uint_eq(seen.count[FILE_OTHER], 0);

    seen = (struct seen){.result = 17};
    ck_assert_int_eq(io->list(io, dir, note_entry, &seen), 17);
    ck_assert_uint_eq(seen.count[0] + seen.count[1] + seen.count[2] + seen.count[3], 1);
    ck_assert_int_eq(io->list(io, "/nowhere/at/all", note_entry, &seen), -ENOENT);
    free(link_path);
    free(sub);
}
END_TEST

START_TEST(a_link_longer_than_the_buffer_is_an_error)
{
    char *path = path_of("l");
    ck_assert_int_eq(symlink("12345", path), 0);
    char target[6];
    ck_assert_int_eq(io->readlink(io, path, target, 6), 5);
    ck_assert_str_eq(target, "12345");
    ck_assert_int_eq(io->readlink(io, path, target, 5), -ENAMETOOLONG);
    ck_assert_int_eq(io->readlink(io, dir, target, 6), -EINVAL);
    free(path);
}
END_TEST

START_TEST(a_lock_is_held_by_one_description)
{
    char *path = path_of("lock");
    int first = create(path);
    int second = create(path);
    ck_assert_int_eq(io->lock(io, first), 0);
    ck_assert_int_eq(io->lock(io, second), E_LOCKED);
    io->close(io, first);
    ck_assert_int_eq(io->lock(io, second), 0);
    io->close(io, second);
    free(path);
}
END_TEST

START_TEST(data_begins_behind_a_hole)
{
    char *path = path_of("f");
    int fd = create(path);
    ck_assert_int_eq(io->ftruncate(io, fd, 10 << 20), 0);
    ck_assert_int_eq(io->data_start(io, fd, 0), 10 << 20);
    ck_assert_int_eq(io->data_start(io, fd, 10 << 20), -ENXIO);
    ck_assert_int_eq(io->pwrite(io, fd, "a", 1, 5 << 20), 1);
    int64_t start = io->data_start(io, fd, 4096);
    ck_assert_int_gt(start, 4096);
    ck_assert_int_le(start, 5 << 20);
    ck_assert_int_eq(io->data_start(io, fd, 5 << 20), 5 << 20);
    io->close(io, fd);
    free(path);
}
END_TEST

START_TEST(allocation_leaves_the_size_alone)
{
    char *path = path_of("f");
    int fd = create(path);
    int error = io->allocate(io, fd, 0, 1 << 20);
    struct file_stat stat;
    ck_assert_int_eq(io->fstat(io, fd, &stat), 0);
    ck_assert_uint_eq(stat.size, 0);
    if (error == 0) {
        ck_assert_uint_ge(stat.allocated, 1 << 20);
    } else {
        ck_assert_int_eq(error, -EOPNOTSUPP);
    }
    io->advise(io, fd, 0, 4096, IO_ADVICE_DONTNEED);
    io->close(io, fd);
    free(path);
}
END_TEST

START_TEST(filesystems_tell_their_kind_and_room)
{
    uint64_t bytes = 0;
    ck_assert_int_eq(io->free_bytes(io, dir, &bytes), 0);
    ck_assert_uint_gt(bytes, 0);
    uint64_t magic = 0;
    ck_assert_int_eq(io->fs_magic(io, "/proc", &magic), 0);
    ck_assert_uint_eq(magic, 0x9fa0); // PROC_SUPER_MAGIC, statfs(2)
    ck_assert_int_eq(io->free_bytes(io, "/nowhere/at/all", &bytes), -ENOENT);
    ck_assert_int_eq(io->fs_magic(io, "/nowhere/at/all", &magic), -ENOENT);
}
END_TEST

START_TEST(notifications_come_from_watched_directories_only)
{
    int fd = io->notify_open(io);
    ck_assert_int_ge(fd, 0);
    int watch = io->notify_add(io, fd, dir, IN_CREATE);
    ck_assert_int_ge(watch, 0);
    _Alignas(struct inotify_event) char events[4096];
    ck_assert_int_eq(io->notify_read(io, fd, events, sizeof events), 0);
    char *path = path_of("new");
    io->close(io, create(path));
    ck_assert_int_gt(io->notify_read(io, fd, events, sizeof events), 0);
    const struct inotify_event *event = (const struct inotify_event *)(const void *)events;
    ck_assert_int_eq(event->wd, watch);
    ck_assert_str_eq(event->name, "new");
    io->notify_remove(io, fd, watch);
    ck_assert_int_eq(io->notify_add(io, fd, "/nowhere/at/all", IN_CREATE), -ENOENT);
    io->close(io, fd);
    free(path);
}
END_TEST

START_TEST(clocks_do_not_run_backwards)
{
    uint64_t before = io->monotonic_ns(io);
    ck_assert_uint_ge(io->monotonic_ns(io), before);
    ck_assert_uint_gt(io->real_ns(io), 1600000000 * NS_PER_S);
}
END_TEST

START_TEST(random_fills_every_byte)
{
    uint8_t seen[64] = {0};
    for (int round = 0; round < 20; round++) {
        uint8_t data[64];
        io->random(io, data, sizeof data);
        for (size_t i = 0; i < sizeof data; i++) {
            seen[i] |= data[i];
        }
    }
    for (size_t i = 0; i < sizeof seen; i++) {
        ck_assert_uint_ne(seen[i], 0);
    }
}
END_TEST

START_TEST(boot_id_is_a_uuid)
{
    char id[37];
    ck_assert_int_eq(io->boot_id(io, id), 0);
    ck_assert_uint_eq(strlen(id), 36);
    ck_assert(id[8] == '-' && id[23] == '-');
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("io_posix");
    TCase *tests = tcase_create("io_posix");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, descriptors_do_not_survive_exec);
    tcase_add_test(tests, files_are_written_read_and_cut);
    tcase_add_test(tests, stat_tells_kind_identity_and_size);
    tcase_add_test(tests, names_are_moved_and_removed);
    tcase_add_test(tests, listing_names_every_entry_with_its_kind);
    tcase_add_test(tests, a_link_longer_than_the_buffer_is_an_error);
    tcase_add_test(tests, a_lock_is_held_by_one_description);
    tcase_add_test(tests, data_begins_behind_a_hole);
    tcase_add_test(tests, allocation_leaves_the_size_alone);
    tcase_add_test(tests, filesystems_tell_their_kind_and_room);
    tcase_add_test(tests, notifications_come_from_watched_directories_only);
    tcase_add_test(tests, clocks_do_not_run_backwards);
    tcase_add_test(tests, random_fills_every_byte);
    tcase_add_test(tests, boot_id_is_a_uuid);
    suite_add_tcase(suite, tests);
    return suite;
}
