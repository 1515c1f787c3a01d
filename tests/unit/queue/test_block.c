// What a block, a segment and a snapshot say must add up, also when their checksums hold.
#include "queue/block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "queue/segment.h"
#include "support/fault_io.h"
#include "support/simdisk.h"
#include "support/test_main.h"

#define PATH "/0000000000000001-00000001.seg"

static const struct block_header sound = {.kind = BLOCK_DATA,
                                          .payload_bytes = 100,
                                          .records_bytes = 48,
                                          .record_count = 4,
                                          .epoch = 1,
                                          .first_sequence = 7};

static int decode(const struct block_header *header, struct block_header *out_header)
{
    uint8_t bytes[BLOCK_HEADER_BYTES];
    block_header_encode(header, bytes);
    return block_header_decode(slice_of(bytes, sizeof bytes), out_header);
}

START_TEST(a_header_comes_back_as_it_was)
{
    struct block_header header;
    ck_assert_int_eq(decode(&sound, &header), 0);
    ck_assert_int_eq(header.kind, sound.kind);
    ck_assert_uint_eq(header.payload_bytes, sound.payload_bytes);
    ck_assert_uint_eq(header.records_bytes, sound.records_bytes);
    ck_assert_uint_eq(header.record_count, sound.record_count);
    ck_assert_uint_eq(block_end_sequence(&header), 11);
}
END_TEST

START_TEST(a_header_that_does_not_add_up_is_damage)
{
    struct block_header wrong[] = {sound, sound, sound, sound, sound, sound};
    wrong[0].kind = (enum block_kind)0;
    wrong[1].kind = (enum block_kind)5;
    wrong[2].payload_bytes = BLOCK_PAYLOAD_MAX + 1;
    wrong[3].records_bytes = sound.payload_bytes + 1;
    wrong[4].record_count = 5; // of 12 bytes at least
    wrong[5].first_sequence = UINT64_MAX;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct block_header header;
        ck_assert_int_eq(decode(&wrong[i], &header), E_CORRUPT);
    }
}
END_TEST

START_TEST(a_header_of_a_newer_version_is_told_from_damage)
{
    uint8_t bytes[BLOCK_HEADER_BYTES];
    struct block_header header;
    block_header_encode(&sound, bytes);
    ck_assert_int_eq(block_header_decode(slice_of(bytes, sizeof bytes - 1), &header), E_TRUNCATED);
    store_u16(bytes + 4, 2);
    ck_assert_int_eq(block_header_decode(slice_of(bytes, sizeof bytes), &header), E_CORRUPT);
    store_u32(bytes + 8, 0);
    store_u32(bytes + 8, crc32c(0, bytes, sizeof bytes));
    ck_assert_int_eq(block_header_decode(slice_of(bytes, sizeof bytes), &header), E_VERSION);
}
END_TEST

// ---- records and positions ----

static int walk(const uint8_t *bytes, size_t size, struct block_record *out_record)
{
    struct block_header header = {.records_bytes = (uint32_t)size};
    struct block_walk records = block_walk_of(&header, slice_of(bytes, size));
    return block_walk_next(&records, out_record);
}

START_TEST(records_that_do_not_add_up_are_damage)
{
    uint8_t bytes[64] = {0};
    struct block_record record;
    ck_assert_int_eq(walk(bytes, 0, &record), 0);
    ck_assert_int_eq(walk(bytes, RECORD_HEADER_BYTES - 1, &record), E_CORRUPT);
    ck_assert_int_eq(walk(bytes, RECORD_HEADER_BYTES, &record), 1);
    store_u32(bytes, 5);
    ck_assert_int_eq(walk(bytes, RECORD_HEADER_BYTES + 4, &record), E_CORRUPT);
    store_u16(bytes + 10, 0xffff); // an origin has 16 bytes
    ck_assert_int_eq(walk(bytes, RECORD_HEADER_BYTES + 5, &record), E_CORRUPT);
    store_u32(bytes, 16);
    ck_assert_int_eq(walk(bytes, RECORD_ORIGIN_BYTES, &record), 0);
}
END_TEST

START_TEST(records_that_find_no_room_mark_the_buffer)
{
    struct buf out;
    buf_init(&out, RECORD_HEADER_BYTES);
    block_append_record(&out, slice_of_text("too much"), slice_of(NULL, 0), 8, 0);
    ck_assert(out.overflow);
    buf_clear(&out);
    buf_append(&out, "x", 1);
    block_append_origin(&out, (struct record_origin){1, 2});
    ck_assert(out.overflow);
    buf_deinit(&out);
}
END_TEST

START_TEST(positions_end_where_the_payload_does)
{
    static const uint8_t bytes[2 * BLOCK_POSITION_BYTES];
    struct block_header header = {.records_bytes = 0};
    struct block_position position;
    struct slice two = slice_of(bytes, sizeof bytes);
    ck_assert_int_eq(block_position_at(&header, two, 1, &position), 0);
    ck_assert_int_eq(block_position_at(&header, two, 2, &position), E_END);
    struct slice cut = slice_of(bytes, sizeof bytes - 1);
    ck_assert_int_eq(block_position_at(&header, cut, 1, &position), E_CORRUPT);
    ck_assert_int_eq(block_position_at(&header, cut, 2, &position), E_CORRUPT);
}
END_TEST

// ---- generations ----

static const char path[] = "/var/log/app.log";

static int decode_generation(void (*change)(uint8_t *bytes), size_t cut)
{
    struct buf bytes;
    buf_init(&bytes, 1 << 16);
    struct generation generation = {
        .id = 1, .position = 5, .path = (char *)(uintptr_t)path, .first_name = 9};
    struct remark remark = {.generation = 1, .lost_bytes = 3, .copy_of = 2};
    generation_encode(&generation, &remark, &bytes);
    if (change != NULL) {
        change(bytes.data);
    }
    struct positions positions = {0};
    int error = positions_decode(&positions, slice_of(bytes.data, bytes.size - cut));
    if (error == 0) {
        ck_assert_uint_eq(positions.count, 1);
        ck_assert_uint_eq(positions_remark(&positions, 1)->lost_bytes, 3);
        ck_assert_uint_eq(positions_remark(&positions, 1)->copy_of, 2);
        char *found = positions_path(&positions, positions_find(&positions, 1));
        ck_assert_str_eq(found, path);
        free(found);
    }
    positions_deinit(&positions);
    buf_deinit(&bytes);
    return error;
}

static void unknown_state(uint8_t *bytes)
{
    bytes[80] = 4;
}

static void unknown_bit(uint8_t *bytes)
{
    bytes[81] |= 0x80;
}

static void endless_id(uint8_t *bytes)
{
    bytes[7] = 0xff;
}

START_TEST(a_generation_that_does_not_add_up_is_damage)
{
    ck_assert_int_eq(decode_generation(NULL, 0), 0);
    ck_assert_int_eq(decode_generation(unknown_state, 0), E_CORRUPT);
    ck_assert_int_eq(decode_generation(unknown_bit, 0), E_CORRUPT);
    ck_assert_int_eq(decode_generation(endless_id, 0), E_CORRUPT);
    for (size_t cut = 1; cut < 40; cut++) {
        ck_assert_int_eq(decode_generation(NULL, cut), E_CORRUPT);
    }
}
END_TEST

// ---- segments ----

static struct simdisk *disk;
static struct fault_io fault;
static int fd;

static void setup(void)
{
    disk = simdisk_create(1);
    fault_io_init(&fault, simdisk_io(disk));
    struct segment_header header = {.epoch = 1, .first_sequence = 1, .replaces_from = 1};
    struct positions positions = {0};
    struct generation generation = {.id = 1, .path = (char *)(uintptr_t)path};
    positions_note(&positions, &generation);
    fd = segment_create(&fault.io, PATH, &header, &positions);
    ck_assert_int_ge(fd, 0);
    positions_deinit(&positions);
}

static void teardown(void)
{
    fault.io.close(&fault.io, fd);
    fault_io_deinit(&fault);
    simdisk_free(disk);
}

// Changes 8 bytes of a page, whose checksum holds.
static void change(unsigned page, size_t offset, uint64_t value)
{
    uint8_t bytes[SEGMENT_PAGE_BYTES];
    uint64_t at = (uint64_t)page * SEGMENT_PAGE_BYTES;
    ck_assert_int_eq(io_pread_all(&fault.io, fd, bytes, sizeof bytes, at), sizeof bytes);
    store_u64(bytes + offset, value);
    store_u32(bytes + 8, 0);
    store_u32(bytes + 8, crc32c(0, bytes, sizeof bytes));
    ck_assert_int_eq(io_pwrite_all(&fault.io, fd, bytes, sizeof bytes, at), 0);
}

static int read_header(struct segment_header *out_header)
{
    return segment_read_header(&fault.io, fd, out_header);
}

START_TEST(a_header_page_that_does_not_add_up_is_damage)
{
    static const struct {
        size_t offset;
        uint64_t sound;
    } fields[] = {{16, 1}, {24, 1}, {64, 100}};
    struct segment_header header;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        change(0, fields[i].offset, UINT64_MAX);
        ck_assert_int_eq(read_header(&header), E_CORRUPT);
        change(0, fields[i].offset, fields[i].sound);
        ck_assert_int_eq(read_header(&header), 0);
    }
}
END_TEST

static int read_snapshot(void)
{
    struct segment_header header;
    ck_assert_int_eq(read_header(&header), 0);
    struct positions positions = {0};
    int error = segment_read_snapshot(&fault.io, fd, &header, &positions);
    positions_deinit(&positions);
    return error;
}

START_TEST(a_snapshot_page_that_does_not_add_up_is_damage)
{
    ck_assert_int_eq(read_snapshot(), 0);
    const uint64_t used = 84 + sizeof path - 1 + 4; // with its first name
    static const uint64_t wrong[] = {0, 4081, 5};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        change(1, 8, wrong[i] << 32);
        ck_assert_int_eq(read_snapshot(), E_CORRUPT);
    }
    change(1, 8, used << 32);
    ck_assert_int_eq(read_snapshot(), 0);
    change(1, 0, UINT64_C(0x150414e53)); // its index is 1
    ck_assert_int_eq(read_snapshot(), E_CORRUPT);
}
END_TEST

START_TEST(an_error_of_the_disk_is_no_damage)
{
    struct segment_header header;
    ck_assert_int_eq(read_header(&header), 0);
    struct positions positions = {0};
    struct block_header block;
    bool is_sound;
    struct buf payload;
    buf_init(&payload, 1 << 16);
    uint64_t offset;
    fault_io_fail(&fault, "pread", 1, UINT64_MAX, -EIO);
    ck_assert_int_eq(read_header(&header), -EIO);
    ck_assert_int_eq(segment_read_snapshot(&fault.io, fd, &header, &positions), -EIO);
    ck_assert_int_eq(segment_read_block(&fault.io, fd, 0, 8192, &block, &is_sound, &payload), -EIO);
    ck_assert_int_eq(segment_find_block(&fault.io, fd, 0, 8192, &offset), -EIO);
    ck_assert_int_eq(segment_read_footer(&fault.io, fd, 8192, &block), -EIO);
    positions_deinit(&positions);
    buf_deinit(&payload);
}
END_TEST

START_TEST(a_file_that_is_shorter_than_it_was_is_damage)
{
    struct block_header block = sound;
    uint8_t bytes[BLOCK_HEADER_BYTES];
    block_header_encode(&block, bytes);
    ck_assert_int_eq(io_pwrite_all(&fault.io, fd, bytes, sizeof bytes, 8192), 0);
    bool is_sound;
    struct buf payload;
    buf_init(&payload, 1 << 16);
    struct io *io = &fault.io;
    uint64_t offset;
    ck_assert_int_eq(segment_read_block(io, fd, 8192, 10000, &block, &is_sound, &payload),
                     E_CORRUPT);
    ck_assert(is_sound);
    ck_assert_int_eq(segment_read_block(io, fd, 8192, 8300, &block, &is_sound, &payload),
                     E_TRUNCATED);
    ck_assert_int_eq(segment_read_block(io, fd, 9000, 10000, &block, &is_sound, &payload),
                     E_TRUNCATED);
    ck_assert_int_eq(segment_find_block(io, fd, 8193, 10000, &offset), E_NOT_FOUND);
    ck_assert_int_eq(segment_find_block(io, fd, 20000, 30000, &offset), E_NOT_FOUND);
    ck_assert_int_eq(segment_read_footer(io, fd, 20000, &block), 0);
    ck_assert_int_eq(segment_read_footer(io, fd, 100, &block), 0);
    simdisk_cut(disk, PATH, 100);
    struct segment_header header;
    ck_assert_int_eq(read_header(&header), E_TRUNCATED);
    buf_deinit(&payload);
}
END_TEST

START_TEST(a_payload_larger_than_memory_is_given_is_damage)
{
    struct block_header block = sound;
    uint8_t bytes[BLOCK_HEADER_BYTES + 100] = {0};
    block_header_encode(&block, bytes);
    ck_assert_int_eq(io_pwrite_all(&fault.io, fd, bytes, sizeof bytes, 8192), 0);
    bool is_sound;
    struct buf payload;
    buf_init(&payload, 50);
    ck_assert_int_eq(segment_read_block(&fault.io, fd, 8192, 9000, &block, &is_sound, &payload),
                     E_CORRUPT);
    buf_deinit(&payload);
}
END_TEST

START_TEST(only_names_of_segments_are_taken_for_some)
{
    static const char *const foreign[] = {
        "",
        "1",
        "-1.seg",
        "1-.seg",
        "1-1",
        "1-1.se",
        "1-1.seg.bad",
        "x-1.seg",
        "1-x.seg",
        "A-1.seg",
        "1-1-1.seg",
        "1.seg",
        "1-1.seg ",
        "11111111111111111-1.seg",
    };
    uint64_t sequence;
    uint64_t epoch;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        ck_assert_msg(!segment_parse_name(foreign[i], &sequence, &epoch), "%s", foreign[i]);
    }
    char name[SEGMENT_NAME_MAX];
    segment_name(UINT64_MAX, UINT64_MAX, name);
    ck_assert(segment_parse_name(name, &sequence, &epoch));
    ck_assert_uint_eq(sequence, UINT64_MAX);
    ck_assert_uint_eq(epoch, UINT64_MAX);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("block");
    TCase *blocks = tcase_create("blocks");
    tcase_add_test(blocks, a_header_comes_back_as_it_was);
    tcase_add_test(blocks, a_header_that_does_not_add_up_is_damage);
    tcase_add_test(blocks, a_header_of_a_newer_version_is_told_from_damage);
    tcase_add_test(blocks, records_that_do_not_add_up_are_damage);
    tcase_add_test(blocks, records_that_find_no_room_mark_the_buffer);
    tcase_add_test(blocks, positions_end_where_the_payload_does);
    tcase_add_test(blocks, a_generation_that_does_not_add_up_is_damage);
    tcase_add_test(blocks, only_names_of_segments_are_taken_for_some);
    suite_add_tcase(suite, blocks);
    TCase *segments = tcase_create("segments");
    tcase_add_checked_fixture(segments, setup, teardown);
    tcase_add_test(segments, a_header_page_that_does_not_add_up_is_damage);
    tcase_add_test(segments, a_snapshot_page_that_does_not_add_up_is_damage);
    tcase_add_test(segments, an_error_of_the_disk_is_no_damage);
    tcase_add_test(segments, a_file_that_is_shorter_than_it_was_is_damage);
    tcase_add_test(segments, a_payload_larger_than_memory_is_given_is_damage);
    suite_add_tcase(suite, segments);
    return suite;
}
