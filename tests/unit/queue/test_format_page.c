// The bytes that docs/queue-format.md shows are what it says they are.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/io_posix.h"
#include "queue/ackslot.h"
#include "queue/segment.h"
#include "support/simdisk.h"
#include "support/test_main.h"

enum { DUMP_BYTES_MAX = 1 << 16, PAGE_TEXT_MAX = 1 << 20 };

static struct simdisk *disk;
static char *page; // the text
static uint8_t dump[DUMP_BYTES_MAX];

static void setup(void)
{
    const char *here = strstr(__FILE__, "/tests/unit/queue/");
    ck_assert_ptr_nonnull(here);
    char *path = xasprintf("%.*s/docs/queue-format.md", (int)(here - __FILE__), __FILE__);
    uint8_t *data;
    size_t size;
    ck_assert_int_eq(io_read_file(io_posix(), path, PAGE_TEXT_MAX, &data, &size), 0);
    page = xstrndup(slice_of(data, size));
    free(data);
    free(path);
    disk = simdisk_create(1);
    memset(dump, 0, sizeof dump);
}

static void teardown(void)
{
    free(page);
    simdisk_free(disk);
}

// Puts the bytes of one line at their offset. Returns the offset behind them.
static size_t take_line(const char *line)
{
    char *at;
    size_t offset = strtoul(line, &at, 16);
    // Two bytes have one or two spaces between them, a remark has three or more in front.
    while (strncmp(at, "   ", 3) != 0 && *at == ' ') {
        ck_assert_uint_lt(offset, sizeof dump);
        dump[offset++] = (uint8_t)strtoul(at, &at, 16);
    }
    return offset;
}

// Reads the dump under a heading. Returns the size of the file that it shows.
static size_t read_dump(const char *heading)
{
    const char *line = strstr(page, heading);
    ck_assert_ptr_nonnull(line);
    size_t size = 0;
    for (line = strstr(line, "\n    0"); line != NULL; line = strchr(line + 1, '\n')) {
        if (strncmp(line, "\n    0", 6) == 0) {
            size = take_line(line + 1);
        } else if (strncmp(line, "\n    *", 6) != 0) {
            break;
        }
    }
    return size;
}

static void check_block(int fd, uint64_t *offset, uint64_t limit, enum block_kind kind,
                        struct buf *payload, struct block_header *out_header)
{
    bool sound;
    ck_assert_int_eq(
        segment_read_block(simdisk_io(disk), fd, *offset, limit, out_header, &sound, payload), 1);
    ck_assert_int_eq(out_header->kind, kind);
    *offset += BLOCK_HEADER_BYTES + out_header->payload_bytes;
}

START_TEST(the_segment_is_one)
{
    size_t size = read_dump("### A segment in bytes");
    simdisk_write_file(disk, "/segment", dump, size);
    int fd = simdisk_io(disk)->open(simdisk_io(disk), "/segment", 0, 0);
    struct segment_header header;
    ck_assert_int_eq(segment_read_header(simdisk_io(disk), fd, &header), 0);
    ck_assert_str_eq(header.flow, "web");
    ck_assert_uint_eq(header.epoch, 1);
    struct buf payload;
    buf_init(&payload, 1 << 16);
    uint64_t offset = segment_data_offset(&header);
    struct block_header block;
    check_block(fd, &offset, size, BLOCK_SOURCE, &payload, &block);
    struct positions positions = {0};
    ck_assert_int_eq(positions_decode(&positions, buf_slice(&payload)), 0);
    ck_assert_uint_eq(positions.count, 1);
    positions_deinit(&positions);
    check_block(fd, &offset, size, BLOCK_DATA, &payload, &block);
    struct block_walk walk = block_walk_of(&block, buf_slice(&payload));
    struct block_record record;
    ck_assert_int_eq(block_walk_next(&walk, &record), 1);
    ck_assert(slice_equal_text(record.data, "hello\n"));
    ck_assert_int_eq(block_walk_next(&walk, &record), 1);
    ck_assert(slice_equal_text(record.data, "world\n"));
    ck_assert_uint_eq(record.origin.offset, 6);
    ck_assert_int_eq(block_walk_next(&walk, &record), 0);
    struct block_position position;
    ck_assert_int_eq(block_position_at(&block, buf_slice(&payload), 0, &position), 0);
    ck_assert_uint_eq(position.position, 12);
    check_block(fd, &offset, size, BLOCK_FOOTER, &payload, &block);
    ck_assert_uint_eq(block.first_sequence, 3);
    ck_assert_uint_eq(block.totals.read_bytes, 12);
    ck_assert_uint_eq(offset, size);
    buf_deinit(&payload);
    simdisk_io(disk)->close(simdisk_io(disk), fd);
}
END_TEST

START_TEST(the_slot_is_one)
{
    simdisk_write_file(disk, "/ack", dump, read_dump("### A slot in bytes"));
    struct ack_state state = {0};
    ck_assert_int_eq(ackslot_read(simdisk_io(disk), "/ack", &state), 0);
    ck_assert_uint_eq(state.epoch, 1);
    ck_assert_uint_eq(state.window.frontier, 2);
    ck_assert_uint_eq(state.submitted, 2);
    ck_assert_uint_eq(state.totals.acknowledged.bytes, 12);
    ck_assert(state.closed);
    ck_assert_str_eq(state.boot_id, "a49f4a1e-4ce1-47d4-bc4e-784c9786d722");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("format_page");
    TCase *tests = tcase_create("format_page");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_segment_is_one);
    tcase_add_test(tests, the_slot_is_one);
    suite_add_tcase(suite, tests);
    return suite;
}
