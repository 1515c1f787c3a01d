// The directory of dead letters: bounded, read whatever is in it, never written twice.
#include "queue/deadletter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "support/fault_io.h"
#include "support/simdisk.h"
#include "support/test_main.h"

#define DIR "/web/dead"

enum { BYTES_MAX = 64 << 10, DATA_BYTES = 1000 };

static struct simdisk *disk;
static struct fault_io fault;
static struct deadletter *letters;
static uint64_t next_sequence;

struct seen {
    uint64_t count;
    uint64_t first;
    uint64_t last;
};

static int try_open(uint64_t frontier)
{
    int error = deadletter_open(&fault.io, DIR, BYTES_MAX, frontier, &letters);
    letters = error == 0 ? letters : NULL;
    return error;
}

static void setup(void)
{
    disk = simdisk_create(1);
    fault_io_init(&fault, simdisk_io(disk));
    ck_assert_int_eq(simdisk_io(disk)->mkdir(simdisk_io(disk), "/web", 0700), 0);
    next_sequence = 1;
    ck_assert_int_eq(try_open(0), 0);
}

static void teardown(void)
{
    deadletter_close(letters);
    fault_io_deinit(&fault);
    simdisk_free(disk);
}

static void close_and_open(uint64_t frontier)
{
    deadletter_close(letters);
    letters = NULL;
    ck_assert_int_eq(try_open(frontier), 0);
}

static int write_letter(uint64_t sequence)
{
    static const uint8_t data[DATA_BYTES];
    struct dead_record record = {.epoch = 1,
                                 .sequence = sequence,
                                 .offset = sequence * 10,
                                 .source_bytes = DATA_BYTES,
                                 .reason = 2,
                                 .path = slice_of_text("/var/log/app.log"),
                                 .detail = slice_of_text("why"),
                                 .key = slice_of_text("key"),
                                 .data = slice_of(data, sizeof data)};
    return deadletter_write(letters, &record);
}

static void write_letters(unsigned count)
{
    for (; count > 0; count--) {
        ck_assert_int_eq(write_letter(next_sequence++), 0);
    }
}

static void note(void *context, const struct dead_record *record)
{
    struct seen *seen = context;
    seen->count++;
    seen->first = seen->first == 0 ? record->sequence : seen->first;
    ck_assert_uint_gt(record->sequence, seen->last);
    seen->last = record->sequence;
    ck_assert_uint_eq(record->offset, record->sequence * 10);
    ck_assert(slice_equal_text(record->path, "/var/log/app.log"));
    ck_assert(slice_equal_text(record->detail, "why"));
    ck_assert(slice_equal_text(record->key, "key"));
    ck_assert_uint_eq(record->data.size, DATA_BYTES);
}

static struct seen see(void)
{
    struct seen seen = {0};
    ck_assert_int_eq(deadletter_each(&fault.io, DIR, note, &seen), 0);
    return seen;
}

START_TEST(the_oldest_go_when_the_limit_is_reached)
{
    write_letters(500);
    struct seen seen = see();
    ck_assert_uint_eq(seen.last, 500);
    ck_assert_uint_gt(seen.first, 400);
    ck_assert_uint_eq(seen.count, seen.last - seen.first + 1);
    ck_assert_uint_gt(seen.count, 40);
    ck_assert_uint_le(simdisk_used(disk), BYTES_MAX);
}
END_TEST

START_TEST(a_letter_that_is_there_is_not_written_again)
{
    write_letters(3);
    close_and_open(1);
    ck_assert_int_eq(write_letter(2), 0);
    ck_assert_int_eq(write_letter(3), 0);
    ck_assert_uint_eq(see().count, 3);
    ck_assert_int_eq(write_letter(4), 0);
    ck_assert_uint_eq(see().count, 4);
    // The same sequence of another epoch is another record.
    struct dead_record other = {.epoch = 2, .sequence = 3};
    ck_assert_int_eq(deadletter_write(letters, &other), 0);
}
END_TEST

START_TEST(files_with_other_names_are_not_read)
{
    write_letters(1);
    static const char *const names[] = {"1.dead",
                                        "0x00000000000001.dead",
                                        " 0000000000000002.dead",
                                        "0000000000000002.dead.gz",
                                        "000000000000000G.dead",
                                        "00000000000000002.dead",
                                        "notes.txt",
                                        "0000000000000002.bead",
                                        "000000000000000A.dead"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        snprintf(path, sizeof path, DIR "/%s", names[i]);
        simdisk_write_file(disk, path, "text", 4);
    }
    struct io *io = simdisk_io(disk);
    ck_assert_int_eq(io->mkdir(io, DIR "/0000000000000005.dead", 0700), 0);
    ck_assert_uint_eq(see().count, 1);
    close_and_open(0);
    next_sequence = 2;
    write_letters(1);
    ck_assert_uint_eq(see().count, 2);
}
END_TEST

START_TEST(a_damaged_letter_is_passed_over)
{
    write_letters(4);
    deadletter_close(letters);
    letters = NULL;
    static const char *const path = DIR "/0000000000000001.dead";
    size_t size = simdisk_size(disk, path) / 4;
    simdisk_flip(disk, path, size + 4, 1);       // the header of the second
    simdisk_flip(disk, path, 2 * size + 200, 1); // the content of the third
    struct seen seen = see();
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_uint_eq(seen.last, 4);
    simdisk_cut(disk, path, 4 * size - 1); // and the fourth was cut
    ck_assert_uint_eq(see().count, 1);
    simdisk_cut(disk, path, 3 * size + 50);
    ck_assert_uint_eq(see().count, 1);
    ck_assert_int_eq(try_open(0), 0);
}
END_TEST

// A block whose checksums hold.
static void write_block(struct block_header header, const char *payload, size_t size)
{
    uint8_t bytes[BLOCK_HEADER_BYTES + 64];
    header.payload_bytes = (uint32_t)size;
    header.payload_crc = crc32c(0, payload, size);
    block_header_encode(&header, bytes);
    memcpy(bytes + BLOCK_HEADER_BYTES, payload, size);
    simdisk_write_file(disk, DIR "/0000000000000009.dead", bytes, BLOCK_HEADER_BYTES + size);
}

START_TEST(a_block_that_is_no_letter_is_passed_over)
{
    write_letters(1);
    write_block((struct block_header){.kind = BLOCK_FOOTER, .epoch = 1}, "", 0);
    ck_assert_uint_eq(see().count, 1);
    write_block((struct block_header){.kind = BLOCK_DEAD, .epoch = 1}, "too short", 9);
    ck_assert_uint_eq(see().count, 1);
    static const char long_path[20] = {[14] = 9}; // a path of 9 bytes that are not there
    write_block((struct block_header){.kind = BLOCK_DEAD, .epoch = 1}, long_path, 20);
    ck_assert_uint_eq(see().count, 1);
    close_and_open(0);
}
END_TEST

START_TEST(an_error_of_the_disk_fails_the_opening_and_leaves_nothing_open)
{
    write_letters(3);
    ck_assert_int_eq(deadletter_sync(letters), 0);
    deadletter_close(letters);
    letters = NULL;
    bool struck = true;
    for (uint64_t nth = 1; struck; nth++) {
        uint64_t before = fault_io_struck(&fault);
        fault_io_fail(&fault, FAULT_ANY, nth, 1, -EIO);
        int error = try_open(1);
        struck = fault_io_struck(&fault) > before;
        fault_io_heal(&fault);
        ck_assert_int_eq(error, struck ? -EIO : 0);
        ck_assert_uint_eq(simdisk_open_count(disk), 0);
    }
}
END_TEST

START_TEST(an_error_of_the_disk_fails_a_letter_and_the_next_try_writes_it_once)
{
    // Calls of the first letter, and of one that begins a new file.
    for (uint64_t nth = 1; nth <= 12; nth++) {
        teardown();
        setup();
        write_letters(nth % 2 == 0 ? 0 : 7);
        fault_io_fail(&fault, FAULT_ANY, nth, 1, -EIO);
        bool failed = false;
        for (unsigned i = 0; i < 3; i++) {
            int error = write_letter(next_sequence);
            failed = failed || error == E_CONDEMNED;
            next_sequence += error == 0 ? 1 : 0;
        }
        fault_io_heal(&fault);
        if (failed) {
            ck_assert_int_eq(write_letter(next_sequence), E_CONDEMNED);
            close_and_open(0);
        }
        write_letters(1);
        ck_assert_uint_eq(see().count, next_sequence - 1);
        ck_assert_int_eq(deadletter_sync(letters), 0);
    }
}
END_TEST

START_TEST(a_sync_that_failed_is_never_repeated)
{
    static const char *const calls[] = {"fdatasync", "sync_dir"};
    for (unsigned i = 0; i < 2; i++) {
        teardown();
        setup();
        write_letters(1);
        fault_io_fail(&fault, calls[i], 1, 1, -EIO);
        ck_assert_int_eq(deadletter_sync(letters), E_CONDEMNED);
        uint64_t before = fault_io_calls(&fault, "fdatasync");
        ck_assert_int_eq(deadletter_sync(letters), E_CONDEMNED);
        ck_assert_uint_eq(fault_io_calls(&fault, "fdatasync"), before);
    }
}
END_TEST

START_TEST(a_directory_that_cannot_be_made_fails_the_letter)
{
    fault_io_fail(&fault, "mkdir", 1, 1, -EROFS);
    ck_assert_int_eq(write_letter(1), -EROFS);
    ck_assert_int_eq(write_letter(1), 0);
    ck_assert_uint_eq(see().count, 1);
}
END_TEST

START_TEST(a_reader_reports_what_the_disk_says)
{
    write_letters(1);
    struct seen seen = {0};
    static const char *const calls[] = {"list", "open", "fstat"};
    for (unsigned i = 0; i < 3; i++) {
        fault_io_fail(&fault, calls[i], 1, 1, -EACCES);
        ck_assert_int_eq(deadletter_each(&fault.io, DIR, note, &seen), -EACCES);
        fault_io_heal(&fault);
    }
    ck_assert_uint_eq(seen.count, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("deadletter");
    TCase *tests = tcase_create("deadletter");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_oldest_go_when_the_limit_is_reached);
    tcase_add_test(tests, a_letter_that_is_there_is_not_written_again);
    tcase_add_test(tests, files_with_other_names_are_not_read);
    tcase_add_test(tests, a_damaged_letter_is_passed_over);
    tcase_add_test(tests, a_block_that_is_no_letter_is_passed_over);
    tcase_add_test(tests, an_error_of_the_disk_fails_the_opening_and_leaves_nothing_open);
    tcase_add_test(tests, an_error_of_the_disk_fails_a_letter_and_the_next_try_writes_it_once);
    tcase_add_test(tests, a_sync_that_failed_is_never_repeated);
    tcase_add_test(tests, a_directory_that_cannot_be_made_fails_the_letter);
    tcase_add_test(tests, a_reader_reports_what_the_disk_says);
    suite_add_tcase(suite, tests);
    return suite;
}
