#include "queue/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/crash_point.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "base/error.h"

enum {
    SEGMENT_MAGIC = 0x47455354, // "TSEG"
    SEGMENT_VERSION = 1,
    PAGE_MAGIC = 0x50414e53, // "SNAP"
    PAGE_HEADER_BYTES = 16,
    PAGE_CONTENT_BYTES = SEGMENT_PAGE_BYTES - PAGE_HEADER_BYTES,
    CRC_OFFSET = 8,
    SNAPSHOT_BYTES_MAX = 64 << 20,
    SEARCH_BYTES = 64 * 1024,
};

void segment_name(uint64_t first_sequence, uint64_t epoch, char out_name[SEGMENT_NAME_MAX])
{
    snprintf(out_name, SEGMENT_NAME_MAX, "%016llx-%08llx.seg", (unsigned long long)first_sequence,
             (unsigned long long)epoch);
}

static bool parse_hex(const char **text, char end, uint64_t *out_value)
{
    uint64_t value = 0;
    size_t digits = 0;
    for (; **text != end; (*text)++, digits++) {
        char c = **text;
        if (c == '\0' || strchr("0123456789abcdef", c) == NULL || digits == 16) {
            return false;
        }
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    (*text)++;
    *out_value = value;
    return digits > 0;
}

bool segment_parse_name(const char *name, uint64_t *out_first_sequence, uint64_t *out_epoch)
{
    return parse_hex(&name, '-', out_first_sequence) && parse_hex(&name, '.', out_epoch) &&
           strcmp(name, "seg") == 0;
}

static uint64_t page_count(uint64_t snapshot_bytes)
{
    return (snapshot_bytes + PAGE_CONTENT_BYTES - 1) / PAGE_CONTENT_BYTES;
}

uint64_t segment_data_offset(const struct segment_header *header)
{
    return SEGMENT_PAGE_BYTES * (1 + page_count(header->snapshot_bytes));
}

static void append_header_page(const struct segment_header *header, struct buf *out)
{
    size_t start = out->size;
    put_u32(out, SEGMENT_MAGIC);
    put_u32(out, SEGMENT_VERSION);
    put_u32(out, 0);
    put_u32(out, header->is_copy ? 1 : 0);
    put_u64(out, header->epoch);
    put_u64(out, header->first_sequence);
    put_u64(out, header->replaces_from);
    put_u64(out, header->created_ns);
    put_u64(out, header->next_generation_id);
    put_u64(out, header->files_digest);
    put_u64(out, header->snapshot_bytes);
    read_totals_put(out, &header->totals);
    buf_append(out, header->boot_id, sizeof header->boot_id);
    buf_append(out, header->flow, sizeof header->flow);
    uint8_t *rest = buf_extend(out, SEGMENT_PAGE_BYTES - (out->size - start));
    ASSERT(rest != NULL);
    memset(rest, 0, SEGMENT_PAGE_BYTES - (size_t)(rest - (out->data + start)));
    store_u32(out->data + start + CRC_OFFSET, crc32c(0, out->data + start, SEGMENT_PAGE_BYTES));
}

static void append_snapshot_pages(struct slice snapshot, struct buf *out)
{
    uint32_t index = 0;
    while (snapshot.size > 0) {
        size_t used = snapshot.size < PAGE_CONTENT_BYTES ? snapshot.size : PAGE_CONTENT_BYTES;
        uint8_t *page = buf_extend(out, SEGMENT_PAGE_BYTES);
        ASSERT(page != NULL);
        memset(page, 0, SEGMENT_PAGE_BYTES);
        store_u32(page, PAGE_MAGIC);
        store_u32(page + 4, index++);
        store_u32(page + 12, (uint32_t)used);
        memcpy(page + PAGE_HEADER_BYTES, snapshot.data, used);
        store_u32(page + CRC_OFFSET, crc32c(0, page, SEGMENT_PAGE_BYTES));
        snapshot = slice_skip(snapshot, used);
    }
}

// Checks and clears the checksum of a page.
static bool page_is_sound(uint8_t *page, uint32_t magic)
{
    uint32_t crc = load_u32(page + CRC_OFFSET);
    store_u32(page + CRC_OFFSET, 0);
    return load_u32(page) == magic && crc == crc32c(0, page, SEGMENT_PAGE_BYTES);
}

int segment_create(struct io *io, const char *path, struct segment_header *header,
                   const struct positions *positions)
{
    struct buf snapshot;
    struct buf pages;
    buf_init(&snapshot, SNAPSHOT_BYTES_MAX);
    buf_init(&pages, 2 * (size_t)SNAPSHOT_BYTES_MAX);
    positions_encode(positions, &snapshot);
    ASSERT(!snapshot.overflow);
    header->snapshot_bytes = snapshot.size;
    header->next_generation_id = positions->next_id;
    append_header_page(header, &pages);
    append_snapshot_pages(buf_slice(&snapshot), &pages);

    int fd = io->open(io, path, O_RDWR | O_CREAT | O_EXCL, 0640);
    if (fd >= 0) {
        CRASH_POINT("before the header of a segment");
        int error = io_pwrite_all(io, fd, pages.data, pages.size, 0);
        CRASH_POINT("after the header of a segment");
        if (error != 0) {
            io->close(io, fd);
            (void)io->unlink(io, path);
            fd = error;
        }
    }
    buf_deinit(&snapshot);
    buf_deinit(&pages);
    return fd;
}

int segment_read_header(struct io *io, int fd, struct segment_header *out_header)
{
    uint8_t page[SEGMENT_PAGE_BYTES];
    int64_t count = io_pread_all(io, fd, page, sizeof page, 0);
    if (count < 0) {
        return (int)count;
    }
    if (count < (int64_t)sizeof page) {
        return E_TRUNCATED;
    }
    if (!page_is_sound(page, SEGMENT_MAGIC)) {
        return E_CORRUPT;
    }
    struct cursor cursor = cursor_of(slice_of(page, sizeof page));
    (void)cursor_u32(&cursor);
    if (cursor_u32(&cursor) != SEGMENT_VERSION) {
        return E_VERSION;
    }
    (void)cursor_u32(&cursor);
    struct segment_header header = {.is_copy = (cursor_u32(&cursor) & 1) != 0};
    header.epoch = cursor_u64(&cursor);
    header.first_sequence = cursor_u64(&cursor);
    header.replaces_from = cursor_u64(&cursor);
    header.created_ns = cursor_u64(&cursor);
    header.next_generation_id = cursor_u64(&cursor);
    header.files_digest = cursor_u64(&cursor);
    header.snapshot_bytes = cursor_u64(&cursor);
    header.totals = read_totals_take(&cursor);
    struct slice boot_id = cursor_bytes(&cursor, sizeof header.boot_id);
    struct slice flow = cursor_bytes(&cursor, sizeof header.flow);
    if (cursor.failed || header.snapshot_bytes > SNAPSHOT_BYTES_MAX ||
        header.first_sequence > UINT64_MAX / 2 || header.epoch > UINT64_MAX / 2) {
        return E_CORRUPT;
    }
    memcpy(header.boot_id, boot_id.data, sizeof header.boot_id - 1);
    memcpy(header.flow, flow.data, sizeof header.flow - 1);
    *out_header = header;
    return 0;
}

int segment_read_snapshot(struct io *io, int fd, const struct segment_header *header,
                          struct positions *positions)
{
    struct buf snapshot;
    buf_init(&snapshot, SNAPSHOT_BYTES_MAX);
    int error = 0;
    uint64_t pages = page_count(header->snapshot_bytes);
    for (uint64_t i = 0; error == 0 && i < pages; i++) {
        uint8_t page[SEGMENT_PAGE_BYTES];
        int64_t count = io_pread_all(io, fd, page, sizeof page, SEGMENT_PAGE_BYTES * (1 + i));
        uint32_t used = 0;
        if (count == (int64_t)sizeof page && page_is_sound(page, PAGE_MAGIC) &&
            load_u32(page + 4) == i) {
            used = load_u32(page + 12);
        }
        if (used == 0 || used > PAGE_CONTENT_BYTES) {
            error = count < 0 ? (int)count : E_CORRUPT;
        } else {
            buf_append(&snapshot, page + PAGE_HEADER_BYTES, used);
        }
    }
    if (error == 0) {
        error = snapshot.size == header->snapshot_bytes
                    ? positions_decode(positions, buf_slice(&snapshot))
                    : E_CORRUPT;
    }
    buf_deinit(&snapshot);
    if (header->next_generation_id > positions->next_id) {
        positions->next_id = header->next_generation_id;
    }
    return error;
}

int segment_read_block(struct io *io, int fd, uint64_t offset, uint64_t limit,
                       struct block_header *out_header, bool *out_header_sound, struct buf *payload)
{
    *out_header_sound = false;
    if (offset == limit) {
        return 0;
    }
    uint8_t bytes[BLOCK_HEADER_BYTES];
    if (limit - offset < sizeof bytes) {
        return E_TRUNCATED;
    }
    int64_t count = io_pread_all(io, fd, bytes, sizeof bytes, offset);
    if (count < 0) {
        return (int)count;
    }
    int error = block_header_decode(slice_of(bytes, (size_t)count), out_header);
    if (error != 0) {
        return error;
    }
    *out_header_sound = true;
    if (out_header->payload_bytes > limit - offset - sizeof bytes) {
        return E_TRUNCATED;
    }
    buf_clear(payload);
    if (out_header->payload_bytes == 0) {
        return block_payload_matches(out_header, buf_slice(payload)) ? 1 : E_CORRUPT;
    }
    uint8_t *room = buf_extend(payload, out_header->payload_bytes);
    if (room == NULL) {
        return E_CORRUPT;
    }
    count = io_pread_all(io, fd, room, out_header->payload_bytes, offset + sizeof bytes);
    if (count < 0) {
        return (int)count;
    }
    buf_truncate(payload, (size_t)count);
    return block_payload_matches(out_header, buf_slice(payload)) ? 1 : E_CORRUPT;
}

int segment_find_block(struct io *io, int fd, uint64_t from, uint64_t limit, uint64_t *out_offset)
{
    uint8_t *window = xmalloc(SEARCH_BYTES);
    int result = E_NOT_FOUND;
    while (result == E_NOT_FOUND && from + BLOCK_HEADER_BYTES <= limit) {
        uint64_t left = limit - from;
        size_t size = left < SEARCH_BYTES ? (size_t)left : SEARCH_BYTES;
        int64_t count = io_pread_all(io, fd, window, size, from);
        if (count < BLOCK_HEADER_BYTES) {
            result = count < 0 ? (int)count : E_END;
            break;
        }
        size_t last = (size_t)count - BLOCK_HEADER_BYTES;
        struct block_header header;
        for (size_t i = 0; result == E_NOT_FOUND && i <= last; i++) {
            if (block_header_decode(slice_of(window + i, BLOCK_HEADER_BYTES), &header) == 0) {
                *out_offset = from + i;
                result = 0;
            }
        }
        from += last + 1;
    }
    free(window);
    return result == E_END ? E_NOT_FOUND : result;
}

int segment_read_footer(struct io *io, int fd, uint64_t size, struct block_header *out_footer)
{
    uint8_t bytes[BLOCK_HEADER_BYTES];
    if (size < SEGMENT_PAGE_BYTES + sizeof bytes) {
        return 0;
    }
    int64_t count = io_pread_all(io, fd, bytes, sizeof bytes, size - sizeof bytes);
    if (count < 0) {
        return (int)count;
    }
    struct block_header footer;
    if (count != (int64_t)sizeof bytes ||
        block_header_decode(slice_of(bytes, sizeof bytes), &footer) != 0 ||
        footer.kind != BLOCK_FOOTER) {
        return 0;
    }
    *out_footer = footer;
    return 1;
}

int segment_write_footer(struct io *io, int fd, uint64_t offset, const struct block_header *footer)
{
    uint8_t bytes[BLOCK_HEADER_BYTES];
    block_header_encode(footer, bytes);
    return io_pwrite_all(io, fd, bytes, sizeof bytes, offset);
}

int segment_write_again(struct io *io, int fd, uint64_t until)
{
    enum { CHUNK_BYTES = 64 * 1024 };
    uint8_t *chunk = xmalloc(CHUNK_BYTES);
    int error = 0;
    for (uint64_t offset = 0; error == 0 && offset < until;) {
        uint64_t left = until - offset;
        size_t size = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        int64_t count = io_pread_all(io, fd, chunk, size, offset);
        error = count > 0 ? io_pwrite_all(io, fd, chunk, (size_t)count, offset)
                          : (count < 0 ? (int)count : E_TRUNCATED);
        offset += count > 0 ? (uint64_t)count : 0;
    }
    free(chunk);
    return error;
}
