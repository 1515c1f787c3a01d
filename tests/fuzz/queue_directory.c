// A queue opens whatever is in its directory: files of any name, and files whose checksums hold
// while their content comes from the input.
//
// The input is files, one behind the other: what it is (1 byte), a number (1), its size (2), bytes.
#include <stdio.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"
#include "queue/inspect.h"
#include "queue/queue.h"
#include "support/simdisk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_BYTES_MAX = 1 << 16, ACK_SLOT_BYTES = 8192, FILES_MAX = 16, NAME_BYTES = 64 };

enum what {
    ACK_RAW,
    ACK_SOUND,
    HARM_RAW,
    HARM_SOUND,
    LETTERS_RAW,
    LETTERS_SOUND,
    SEGMENT,
    NAMED, // its name comes first, up to a NUL
    WHAT_COUNT
};

static const struct queue_config config = {
    .max_size = 1 << 20, .sync_interval_ms = 1000, .dead_letter_max_size = 1 << 20};

static size_t put_checksum(uint8_t *bytes, uint32_t magic, uint32_t version, size_t size)
{
    if (size < 16) {
        return size;
    }
    store_u32(bytes, magic);
    store_u32(bytes + 4, version);
    store_u32(bytes + 8, 0);
    store_u32(bytes + 8, crc32c(0, bytes, size));
    return size;
}

// The content is a slot without its first 16 bytes, zeros behind it.
static size_t make_slot(uint8_t *bytes, unsigned number, struct slice content)
{
    uint32_t slot_bytes = number % 8 == 7 ? 4224 : 4273;
    memcpy(bytes + 16, content.data,
           content.size < slot_bytes - 16 ? content.size : slot_bytes - 16);
    store_u32(bytes + 12, number % 8 == 7 ? 32768 : slot_bytes);
    (void)put_checksum(bytes, 0x4b43414b, number % 8 == 7 ? 1 : 2, slot_bytes);
    return slot_bytes;
}

static size_t make_letter(uint8_t *bytes, unsigned number, struct slice content)
{
    struct block_header header = {.kind = BLOCK_DEAD,
                                  .payload_bytes = (uint32_t)content.size,
                                  .payload_crc = crc32c(0, content.data, content.size),
                                  .records_bytes = (uint32_t)content.size,
                                  .record_count = content.size >= RECORD_HEADER_BYTES ? 1 : 0,
                                  .epoch = 1,
                                  .first_sequence = number};
    block_header_encode(&header, bytes);
    memcpy(bytes + BLOCK_HEADER_BYTES, content.data, content.size);
    return BLOCK_HEADER_BYTES + content.size;
}

static void write_ack_slot(struct simdisk *disk, unsigned number, const uint8_t *bytes, size_t size)
{
    struct io *io = simdisk_io(disk);
    int fd = io->open(io, "/web/ack", 0102, 0640); // O_RDWR, O_CREAT
    ASSERT(fd >= 0);
    int error = io_pwrite_all(io, fd, bytes, size, (uint64_t)(number % 4) * ACK_SLOT_BYTES);
    ASSERT(error == 0);
    io->close(io, fd);
}

static void write_named(struct simdisk *disk, struct slice content)
{
    char path[NAME_BYTES];
    size_t length = (size_t)snprintf(path, sizeof path, "/web/");
    size_t start = length;
    for (; content.size > 0 && *content.data != '\0' && length + 1 < sizeof path;
         content = slice_skip(content, 1)) {
        path[length++] = (char)(*content.data == 0x2f ? 0x5f : *content.data); // no slash
    }
    path[length] = '\0';
    bool reserved = length == start || strcmp(path + start, "dead") == 0;
    if (!reserved) {
        simdisk_write_file(disk, path, content.data, content.size);
    }
}

static void write_file(struct simdisk *disk, enum what what, unsigned number, struct slice content)
{
    static uint8_t bytes[FILE_BYTES_MAX + BLOCK_HEADER_BYTES];
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, content.data, content.size);
    char path[NAME_BYTES];
    switch (what) {
    case ACK_RAW:
        write_ack_slot(disk, number, content.data, content.size);
        return;
    case ACK_SOUND:
        memset(bytes, 0, sizeof bytes);
        write_ack_slot(disk, number, bytes, make_slot(bytes, number, content));
        return;
    case HARM_RAW:
        simdisk_write_file(disk, "/web/harm", content.data, content.size);
        return;
    case HARM_SOUND:
        (void)put_checksum(bytes, 0x4d524148, 1, content.size);
        simdisk_write_file(disk, "/web/harm", bytes, content.size);
        return;
    case LETTERS_RAW:
        snprintf(path, sizeof path, "/web/dead/%016x.dead", number);
        simdisk_write_file(disk, path, content.data, content.size);
        return;
    case LETTERS_SOUND:
        snprintf(path, sizeof path, "/web/dead/%016x.dead", number);
        simdisk_write_file(disk, path, bytes, make_letter(bytes, number, content));
        return;
    case SEGMENT:
        snprintf(path, sizeof path, "/web/%016x-%08x.seg", number / 16, number % 16);
        simdisk_write_file(disk, path, content.data, content.size);
        return;
    case NAMED:
    case WHAT_COUNT:
        write_named(disk, content);
    }
}

static void write_files(struct simdisk *disk, struct cursor cursor)
{
    for (unsigned i = 0; i < FILES_MAX && cursor.rest.size >= 4; i++) {
        enum what what = (enum what)(cursor_u8(&cursor) % WHAT_COUNT);
        unsigned number = cursor_u8(&cursor);
        size_t size = cursor_u16(&cursor);
        size = size < cursor.rest.size ? size : cursor.rest.size;
        write_file(disk, what, number, cursor_bytes(&cursor, size));
    }
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
    ASSERT(queue_next(queue, &record) == 1);
    ASSERT(queue_submitted(queue, record.place.sequence) == 0);
    ASSERT(queue_write_dead_letter(queue, &record, 2, "why") == 0);
    queue_settle(queue, &record.place, record.source_bytes, SETTLED_DEAD_LETTERED);
    ASSERT(queue_persist_acks(queue) == 0);
    (void)queue_sync_step(queue, UINT64_MAX / 2);
    queue_close(queue);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct simdisk *disk = simdisk_create(1);
    struct io *io = simdisk_io(disk);
    ASSERT(io->mkdir(io, "/web", 0755) == 0);
    ASSERT(io->mkdir(io, "/web/dead", 0755) == 0);
    write_files(disk, cursor_of(slice_of(data, size)));
    struct buf text;
    buf_init(&text, SIZE_MAX);
    int error = queue_inspect(io, "/web", &text);
    buf_deinit(&text);
    (void)error; // as long as it comes to an end
    error = use_queue(disk);
    ASSERT(error == 0 || error == E_VERSION || error == E_CONFIG);
    if (error == 0) {
        ASSERT(use_queue(disk) == 0);
    }
    simdisk_free(disk);
    return 0;
}
