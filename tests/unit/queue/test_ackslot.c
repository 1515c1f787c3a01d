// The acknowledgement file: whatever happens to the process or to the power, what a completed sync
// covered is there, or something later.
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/prng.h"
#include "queue/ackslot.h"
#include "support/fault_io.h"
#include "support/simdisk.h"
#include "support/test_main.h"

#define PATH "/ack"

enum {
    SLOT_STRIDE = 8192,
    SLOT_BYTES_V1 = 128 + WINDOW_BYTES,
    SLOTS = 4,
    BITS_NEAR = 64, // in front of them are all frontiers
    STEPS = 40,     // writes and syncs of one run
    OPENINGS = 4,
    SEEDS = 3,
    RUNS = 100,
    CHANGES = 2 * STEPS,
};

static struct simdisk *disk;
static struct fault_io fault;
static struct ackslot slot;
static struct ack_state state;
static uint64_t written; // frontier of the last write that came back
static uint64_t trying;  // of the last write
static uint64_t synced;  // of the last write that a completed sync covers
static unsigned writes_in_sync;

static void make(uint64_t seed)
{
    disk = simdisk_create(seed);
    fault_io_init(&fault, simdisk_io(disk));
    slot = (struct ackslot){0};
    memset(&state, 0, sizeof state);
    written = trying = synced = 0;
    writes_in_sync = 0;
}

static void destroy(void)
{
    ackslot_close(&slot);
    fault_io_deinit(&fault);
    simdisk_free(disk);
}

static void setup(void)
{
    make(1);
}

static int try_open(bool *out_found, bool *out_damaged)
{
    return ackslot_open(&slot, &fault.io, PATH, &state, out_found, out_damaged);
}

static void reopen(void)
{
    bool found;
    bool damaged;
    ck_assert_int_eq(try_open(&found, &damaged), 0);
    ck_assert(found);
}

static void create(void)
{
    bool found;
    bool damaged;
    ck_assert_int_eq(try_open(&found, &damaged), 0);
    ck_assert(!found && !damaged);
    ck_assert_int_eq(simdisk_io(disk)->sync_dir(simdisk_io(disk), "/"), 0);
}

// Every sector of a slot differs from that of the slot before.
static int write_next(void)
{
    state.window.frontier = ++trying;
    memset(state.window.bits, 0, sizeof state.window.bits);
    memset(state.window.bits + BITS_NEAR, (int)(1 + trying % 255), WINDOW_BYTES - BITS_NEAR);
    int error = ackslot_write(&slot, &state);
    written = error == 0 ? trying : written;
    return error;
}

static int sync_now(void)
{
    uint64_t covered = written;
    int error = ackslot_sync(&slot);
    synced = error == 0 ? covered : synced;
    return error;
}

// A sync during which others write.
static int busy_fdatasync(struct io *io, int fd)
{
    int error = fault.inner->fdatasync(fault.inner, fd);
    (void)io;
    for (; writes_in_sync > 0; writes_in_sync--) {
        (void)write_next();
    }
    return error;
}

static void write_or_sync(struct prng *prng)
{
    if (prng_below(prng, 4) > 0) {
        (void)write_next();
        return;
    }
    writes_in_sync = (unsigned)prng_below(prng, 5);
    (void)sync_now();
}

// Ends the process and, if it `loses_power`, the machine. Nothing that counted may be gone.
static void end(bool loses_power)
{
    ackslot_close(&slot);
    if (loses_power) {
        simdisk_lose_power(disk);
    } else {
        simdisk_restart(disk);
    }
    uint64_t least = loses_power ? synced : written;
    struct ack_state found = {0};
    int error = ackslot_read(simdisk_io(disk), PATH, &found);
    ck_assert_msg(error == 0 || least == 0, "%s, and %llu was written", error_text(error),
                  (unsigned long long)least);
    ck_assert_uint_ge(found.window.frontier, least);
    ck_assert_uint_le(found.window.frontier, trying);
    written = found.window.frontier;
    synced = loses_power ? written : synced;
}

// An opening that dies in one of its first changes, or some writes later.
static void open_and_die(struct prng *prng)
{
    bool found;
    bool damaged;
    simdisk_stop_after(disk, 1 + prng_below(prng, 6));
    if (try_open(&found, &damaged) == 0) {
        ck_assert(found);
        written = state.window.frontier;
        synced = written;
        (void)write_next();
        (void)sync_now();
        (void)write_next();
    }
    end(prng_below(prng, 2) == 0);
}

// A life of the file that ends in the `nth` change, then openings that die as well.
static void run(uint64_t seed, uint64_t nth)
{
    make(seed * 1000 + nth);
    struct prng prng = prng_of_seed(seed);
    create();
    ck_assert_int_eq(write_next(), 0);
    ck_assert_int_eq(sync_now(), 0);
    fault.io.fdatasync = busy_fdatasync;
    simdisk_stop_after(disk, nth);
    for (unsigned i = 0; i < STEPS; i++) {
        write_or_sync(&prng);
    }
    end(prng_below(&prng, 2) == 0);
    for (unsigned i = 0; i < OPENINGS; i++) {
        open_and_die(&prng);
    }
    destroy();
}

START_TEST(what_was_synced_outlives_any_loss_of_power)
{
    for (uint64_t nth = 1; nth <= CHANGES; nth++) {
        run((uint64_t)_i + 1, nth);
    }
}
END_TEST

START_TEST(what_is_written_while_a_sync_is_under_way_leaves_what_it_covers)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        make(seed);
        create();
        for (uint64_t i = 0; i < 2 + seed % 5; i++) {
            ck_assert_int_eq(write_next(), 0);
            ck_assert_int_eq(sync_now(), 0);
        }
        ck_assert_int_eq(write_next(), 0);
        fault.io.fdatasync = busy_fdatasync;
        writes_in_sync = 1 + (unsigned)(seed % 4);
        ck_assert_int_eq(sync_now(), 0);
        end(true);
        destroy();
    }
}
END_TEST

START_TEST(a_sync_that_fails_leaves_what_the_one_before_it_covered)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        make(seed);
        create();
        ck_assert_int_eq(write_next(), 0);
        ck_assert_int_eq(sync_now(), 0);
        for (uint64_t i = 0; i < 1 + seed % 4; i++) {
            ck_assert_int_eq(write_next(), 0);
            simdisk_fail_sync(disk, 1);
            ck_assert_int_eq(sync_now(), -EIO);
            ck_assert_int_eq(write_next(), 0);
        }
        end(true);
        destroy();
    }
}
END_TEST

START_TEST(what_an_opening_reads_is_on_disk_also_after_a_sync_that_failed)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        make(seed);
        create();
        ck_assert_int_eq(write_next(), 0);
        ck_assert_int_eq(write_next(), 0);
        simdisk_fail_sync(disk, 1);
        ck_assert_int_eq(sync_now(), -EIO);
        ackslot_close(&slot);
        reopen();
        written = state.window.frontier;
        synced = written;
        end(true);
        destroy();
    }
}
END_TEST

static void flip(unsigned index)
{
    simdisk_flip(disk, PATH, (size_t)index * SLOT_STRIDE + 40, 1);
}

// The one that holds a frontier.
static unsigned slot_with(uint64_t frontier)
{
    struct io *io = simdisk_io(disk);
    int fd = io->open(io, PATH, O_RDONLY, 0);
    unsigned index = 0;
    for (;; index++) {
        uint8_t bytes[40];
        ck_assert_uint_lt(index, SLOTS);
        ck_assert_int_eq(io_pread_all(io, fd, bytes, sizeof bytes, (uint64_t)index * SLOT_STRIDE),
                         sizeof bytes);
        if (load_u64(bytes + 32) == frontier) {
            break;
        }
    }
    io->close(io, fd);
    return index;
}

START_TEST(each_slot_that_is_damaged_leaves_the_ones_before_it)
{
    create();
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(write_next(), 0);
    }
    ck_assert_int_eq(sync_now(), 0);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(write_next(), 0);
    }
    ackslot_close(&slot);
    for (uint64_t left = trying; left > trying - 3; left--) {
        ck_assert_int_eq(ackslot_read(&fault.io, PATH, &state), 0);
        ck_assert_uint_eq(state.window.frontier, left);
        flip(slot_with(left));
    }
    bool found;
    bool damaged;
    ck_assert_int_eq(try_open(&found, &damaged), 0);
    ck_assert(!found && damaged);
}
END_TEST

START_TEST(a_file_that_was_only_created_is_not_damaged)
{
    create();
    for (unsigned size = 0; size < 3; size++) {
        ackslot_close(&slot);
        simdisk_cut(disk, PATH, (size_t)size * 5000);
        bool found;
        bool damaged;
        ck_assert_int_eq(try_open(&found, &damaged), 0);
        ck_assert(!found && !damaged);
    }
}
END_TEST

START_TEST(all_slots_have_their_room_from_the_start)
{
    create();
    simdisk_set_capacity(disk, 0);
    for (unsigned i = 0; i < 3 * SLOTS; i++) {
        ck_assert_int_eq(write_next(), 0);
        ck_assert_int_eq(i % 3 == 0 ? sync_now() : 0, 0);
    }
    ackslot_close(&slot);
    reopen();
    ck_assert_uint_eq(state.window.frontier, trying);
}
END_TEST

START_TEST(a_file_without_room_for_all_slots_is_used_all_the_same)
{
    simdisk_set_capacity(disk, 2 * (size_t)SLOT_STRIDE);
    create();
    ck_assert_int_eq(write_next(), 0);
    ck_assert_int_eq(sync_now(), 0);
    ck_assert_int_eq(write_next(), 0);
    ck_assert_int_eq(write_next(), -ENOSPC);
    simdisk_set_capacity(disk, UINT64_MAX);
    ck_assert_int_eq(write_next(), 0);
    ackslot_close(&slot);
    reopen();
    ck_assert_uint_eq(state.window.frontier, trying);
}
END_TEST

// ---- versions ----

static void put_checksum(uint8_t *bytes, size_t size)
{
    store_u32(bytes + 8, 0);
    store_u32(bytes + 8, crc32c(0, bytes, size));
}

// A slot as version 1 had it.
static void put_slot_v1(unsigned index, uint64_t generation, uint64_t frontier)
{
    uint8_t bytes[SLOT_BYTES_V1] = {'K', 'A', 'C', 'K', 1};
    store_u32(bytes + 12, WINDOW_RECORDS);
    store_u64(bytes + 16, generation);
    store_u64(bytes + 24, 3);
    store_u64(bytes + 32, frontier);
    store_u64(bytes + 40, frontier + 4);
    store_u64(bytes + 56, frontier);
    store_u64(bytes + 64, 100 * frontier);
    store_u64(bytes + 120, 2);
    uint64_t settled = frontier + 3;
    bytes[128 + settled / 8] |= (uint8_t)(1U << settled % 8);
    put_checksum(bytes, sizeof bytes);
    struct io *io = simdisk_io(disk);
    int fd = io->open(io, PATH, O_RDWR | O_CREAT, 0640);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_pwrite_all(io, fd, bytes, sizeof bytes, (uint64_t)index * SLOT_STRIDE), 0);
    ck_assert_int_eq(io->fdatasync(io, fd), 0);
    ck_assert_int_eq(io->sync_dir(io, "/"), 0);
    io->close(io, fd);
}

START_TEST(a_file_of_version_1_is_read)
{
    put_slot_v1(1, 7, 20);
    put_slot_v1(0, 8, 30);
    reopen();
    ck_assert_uint_eq(state.epoch, 3);
    ck_assert_uint_eq(state.window.frontier, 30);
    ck_assert_uint_eq(state.window.set, 1);
    ck_assert(window_has(&state.window, 33));
    ck_assert_uint_eq(state.submitted, 34);
    ck_assert_uint_eq(state.totals.acknowledged.records, 30);
    ck_assert_uint_eq(state.totals.acknowledged.bytes, 3000);
    ck_assert_uint_eq(state.first_sequence, 2);
    ck_assert_uint_eq(state.written_ns, 0);
    ck_assert(!state.closed);
}
END_TEST

START_TEST(a_file_of_version_1_outlives_a_crash_while_it_is_taken_over)
{
    for (uint64_t nth = 1; nth <= 12; nth++) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            make(seed * 100 + nth);
            struct prng prng = prng_of_seed(seed);
            put_slot_v1(1, 7, 20);
            put_slot_v1(0, 8, 30);
            written = synced = trying = 30;
            simdisk_stop_after(disk, nth);
            for (unsigned i = 0; i < OPENINGS; i++) {
                open_and_die(&prng);
            }
            destroy();
        }
    }
}
END_TEST

// Gives a slot another version, with a checksum that holds.
static void set_version(unsigned index, uint32_t version)
{
    uint8_t bytes[SLOT_STRIDE];
    struct io *io = simdisk_io(disk);
    int fd = io->open(io, PATH, O_RDWR, 0);
    uint64_t offset = (uint64_t)index * SLOT_STRIDE;
    ck_assert_int_eq(io_pread_all(io, fd, bytes, sizeof bytes, offset), sizeof bytes);
    ck_assert_uint_eq(load_u32(bytes), 0x4b43414b);
    store_u32(bytes + 4, version);
    put_checksum(bytes, load_u32(bytes + 12));
    ck_assert_int_eq(io_pwrite_all(io, fd, bytes, sizeof bytes, offset), 0);
    io->close(io, fd);
}

START_TEST(a_file_of_a_newer_version_is_refused_and_not_changed)
{
    create();
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(write_next(), 0);
    }
    ackslot_close(&slot);
    set_version(1, 3); // whatever the other slots say
    bool found;
    bool damaged;
    uint64_t writes = fault_io_calls(&fault, "pwrite");
    ck_assert_int_eq(try_open(&found, &damaged), E_VERSION);
    ck_assert_int_eq(ackslot_read(&fault.io, PATH, &state), E_VERSION);
    ck_assert_uint_eq(fault_io_calls(&fault, "pwrite"), writes);
    set_version(1, 2);
    reopen();
    ck_assert_uint_eq(state.window.frontier, trying);
}
END_TEST

START_TEST(a_version_that_no_checksum_vouches_for_is_damage)
{
    create();
    ck_assert_int_eq(write_next(), 0);
    ck_assert_int_eq(write_next(), 0);
    ackslot_close(&slot);
    simdisk_flip(disk, PATH, SLOT_STRIDE + 4, 4);
    simdisk_flip(disk, PATH, 2 * (size_t)SLOT_STRIDE + 12, 0x40); // a size that is none
    bool found;
    bool damaged;
    ck_assert_int_eq(try_open(&found, &damaged), 0);
    ck_assert(!found && damaged);
}
END_TEST

START_TEST(a_slot_that_says_a_wrong_size_is_damage)
{
    static const struct {
        uint32_t version;
        uint32_t size;
    } wrong[] = {{2, 127}, {2, 128}, {2, 200}, {2, SLOT_BYTES_V1}, {2, SLOT_STRIDE + 1}, {1, 200}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t bytes[SLOT_STRIDE + 4] = {'K', 'A', 'C', 'K', (uint8_t)wrong[i].version};
        store_u32(bytes + 12, wrong[i].size);
        put_checksum(bytes, wrong[i].size);
        simdisk_write_file(disk, PATH, bytes, SLOT_STRIDE);
        ck_assert_int_eq(ackslot_read(&fault.io, PATH, &state), E_NOT_FOUND);
    }
}
END_TEST

START_TEST(numbers_that_no_queue_reaches_are_damage)
{
    static const size_t fields[] = {16, 24, 32, 40, 120}; // 40: no more than a window is offered
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        uint8_t bytes[SLOT_BYTES_V1] = {'K', 'A', 'C', 'K', 1};
        store_u32(bytes + 12, WINDOW_RECORDS);
        store_u64(bytes + fields[i], UINT64_MAX);
        put_checksum(bytes, sizeof bytes);
        simdisk_write_file(disk, PATH, bytes, sizeof bytes);
        ck_assert_int_eq(ackslot_read(&fault.io, PATH, &state), E_NOT_FOUND);
    }
}
END_TEST

// ---- a disk that fails ----

START_TEST(an_opening_that_fails_at_any_call_leaves_nothing_open)
{
    create();
    ck_assert_int_eq(write_next(), 0);
    ackslot_close(&slot);
    for (uint64_t nth = 1;; nth++) {
        uint64_t struck = fault_io_struck(&fault);
        fault_io_fail(&fault, FAULT_ANY, nth, 1, -EIO);
        bool found;
        bool damaged;
        int error = try_open(&found, &damaged);
        fault_io_heal(&fault);
        if (error == 0) {
            ck_assert_uint_eq(fault_io_struck(&fault), struck);
            break;
        }
        ck_assert_int_eq(error, -EIO);
        ck_assert_uint_eq(simdisk_open_count(disk), 0);
    }
    ck_assert_uint_eq(state.window.frontier, trying);
}
END_TEST

START_TEST(a_reader_reports_what_the_disk_says)
{
    create();
    ck_assert_int_eq(write_next(), 0);
    fault_io_fail(&fault, "open", 1, 1, -EACCES);
    ck_assert_int_eq(ackslot_read(&fault.io, PATH, &state), -EACCES);
    fault_io_heal(&fault);
    fault_io_fail(&fault, "pread", 2, 1, -EIO);
    ck_assert_int_eq(ackslot_read(&fault.io, PATH, &state), -EIO);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue_ackslot");
    TCase *power = tcase_create("power");
    tcase_add_loop_test(power, what_was_synced_outlives_any_loss_of_power, 0, SEEDS);
    tcase_add_test(power, what_is_written_while_a_sync_is_under_way_leaves_what_it_covers);
    tcase_add_test(power, what_an_opening_reads_is_on_disk_also_after_a_sync_that_failed);
    tcase_add_test(power, a_sync_that_fails_leaves_what_the_one_before_it_covered);
    tcase_add_test(power, a_file_of_version_1_outlives_a_crash_while_it_is_taken_over);
    suite_add_tcase(suite, power);
    TCase *tests = tcase_create("queue_ackslot");
    tcase_add_checked_fixture(tests, setup, destroy);
    tcase_add_test(tests, each_slot_that_is_damaged_leaves_the_ones_before_it);
    tcase_add_test(tests, a_file_that_was_only_created_is_not_damaged);
    tcase_add_test(tests, all_slots_have_their_room_from_the_start);
    tcase_add_test(tests, a_file_without_room_for_all_slots_is_used_all_the_same);
    tcase_add_test(tests, a_file_of_version_1_is_read);
    tcase_add_test(tests, a_file_of_a_newer_version_is_refused_and_not_changed);
    tcase_add_test(tests, a_version_that_no_checksum_vouches_for_is_damage);
    tcase_add_test(tests, a_slot_that_says_a_wrong_size_is_damage);
    tcase_add_test(tests, numbers_that_no_queue_reaches_are_damage);
    tcase_add_test(tests, an_opening_that_fails_at_any_call_leaves_nothing_open);
    tcase_add_test(tests, a_reader_reports_what_the_disk_says);
    suite_add_tcase(suite, tests);
    return suite;
}
