// A queue opens on any segment: one of raw bytes, or one of blocks whose checksums hold while their
// fields and payloads come from the input.
#include "base/alloc.h"
#include "base/assert.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "queue/queue.h"
#include "queue/segment.h"
#include "support/simdisk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEGMENT_PATH "/web/0000000000000001-00000001.seg"

static const struct queue_config config = {
    .max_size = 1 << 20, .sync_interval_ms = 1000, .dead_letter_max_size = 1 << 20};

// Blocks of the input: kind, payload size, records size, record count, gap in front, payload.
static void append_blocks(struct cursor cursor, struct buf *out)
{
    uint64_t sequence = 1;
    while (cursor.rest.size > 0 && !cursor.failed) {
        struct block_header header = {.kind = (enum block_kind)(cursor_u8(&cursor) % 5),
                                      .epoch = 1};
        size_t payload_bytes = cursor_u8(&cursor);
        header.records_bytes = cursor_u8(&cursor);
        header.record_count = cursor_u8(&cursor);
        header.first_sequence = sequence + cursor_u8(&cursor);
        struct slice payload = cursor.rest;
        payload.size = payload.size < payload_bytes ? payload.size : payload_bytes;
        (void)cursor_bytes(&cursor, payload.size);
        header.payload_bytes = (uint32_t)payload.size;
        header.payload_crc = crc32c(0, payload.data, payload.size);
        header.totals.read_records = header.first_sequence;
        block_header_encode(&header, buf_extend(out, BLOCK_HEADER_BYTES));
        buf_append_slice(out, payload);
        sequence = block_end_sequence(&header);
    }
}

static void make_segment(struct simdisk *disk, struct slice blocks)
{
    struct io *io = simdisk_io(disk);
    struct segment_header header = {.epoch = 1, .first_sequence = 1, .replaces_from = 1};
    memcpy(header.flow, "web", 3);
    struct positions positions = {0};
    int fd = segment_create(io, SEGMENT_PATH, &header, &positions);
    ASSERT(fd >= 0);
    struct buf bytes;
    buf_init(&bytes, 1 << 20);
    append_blocks(cursor_of(blocks), &bytes);
    if (bytes.size > 0) {
        int error = io_pwrite_all(io, fd, bytes.data, bytes.size, segment_data_offset(&header));
        ASSERT(error == 0);
    }
    buf_deinit(&bytes);
    io->close(io, fd);
}

static int use_queue(struct simdisk *disk)
{
    struct stats stats = {0};
    struct queue_options options = {
        .dir = "/web", .flow = "web", .config = &config, .stats = &stats};
    struct queue *queue;
    struct queue_report report;
    int error = queue_open(simdisk_io(disk), &options, &queue, &report);
    if (error != 0) {
        return error;
    }
    struct queued_record record;
    while (queue_next(queue, &record) == 1) {
        queue_settle(queue, &record.place, record.source_bytes, SETTLED_ACKNOWLEDGED);
    }
    ASSERT(queue_persist_acks(queue) == 0);
    struct record_origin origin = {.generation = 1};
    ASSERT(queue_add_record(queue, origin, slice_of_text("x"), slice_of(NULL, 0), 2, 0));
    ASSERT(queue_append(queue) == 0);
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    queue_close(queue);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct simdisk *disk = simdisk_create(1);
    struct io *io = simdisk_io(disk);
    ASSERT(io->mkdir(io, "/web", 0755) == 0);
    struct slice rest = slice_skip(slice_of(data, size), 1);
    if (data[0] % 2 == 0) {
        simdisk_write_file(disk, SEGMENT_PATH, rest.data, rest.size);
    } else {
        make_segment(disk, rest);
    }
    int error = use_queue(disk);
    ASSERT(error == 0 || error == E_VERSION || error == E_CONFIG);
    if (error == 0) {
        ASSERT(use_queue(disk) == 0);
    }
    simdisk_free(disk);
    return 0;
}
