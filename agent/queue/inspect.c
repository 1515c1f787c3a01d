#include "queue/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/reason.h"
#include "queue/ackslot.h"
#include "queue/deadletter.h"
#include "queue/segment.h"

struct names {
    char **items;
    size_t count;
};

struct inspection {
    struct io *io;
    const char *dir;
    struct buf *out;
    struct names segments; // in the order of their sequences
    struct names set_aside;
    struct positions positions;
    struct read_totals totals;
    struct ack_state ack;
    bool ack_found;
    bool damaged;
    struct buf payload;
};

// What a walk over the blocks of a segment has found.
struct walk_result {
    uint64_t blocks;
    uint64_t records;
    uint64_t damaged_blocks;
    uint64_t rest_bytes; // behind the last whole block
    bool sealed;
};

// ---- finding ----

static void add_name(struct names *names, const char *name)
{
    names->items = xreallocarray(names->items, names->count + 1, sizeof *names->items);
    names->items[names->count++] = xstrdup(name);
}

static void free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i]);
    }
    free(names->items);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int note_name(void *context, const char *name, enum file_kind kind)
{
    struct inspection *inspection = context;
    uint64_t first_sequence;
    uint64_t epoch;
    size_t length = strlen(name);
    if (kind == FILE_DIRECTORY) {
        return 0;
    }
    if (segment_parse_name(name, &first_sequence, &epoch)) {
        add_name(&inspection->segments, name);
    } else if (length > 4 && strcmp(name + length - 4, ".bad") == 0) {
        add_name(&inspection->set_aside, name);
    }
    return 0;
}

static int find_files(struct inspection *inspection)
{
    int error = inspection->io->list(inspection->io, inspection->dir, note_name, inspection);
    if (error == -ENOENT || error == -ENOTDIR) {
        return E_NOT_FOUND;
    }
    if (inspection->segments.count > 0) {
        qsort(inspection->segments.items, inspection->segments.count,
              sizeof *inspection->segments.items, compare_names);
    }
    return error;
}

// ---- segments ----

static void append_time(struct buf *out, uint64_t real_ns)
{
    time_t seconds = (time_t)(real_ns / 1000000000);
    struct tm parts;
    char text[32];
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    buf_append_text(out, text);
}

static void apply_block(struct inspection *inspection, const struct block_header *header)
{
    struct slice payload = buf_slice(&inspection->payload);
    if (header->kind == BLOCK_SOURCE) {
        inspection->damaged |= positions_decode(&inspection->positions, payload) != 0;
    } else if (header->kind == BLOCK_DATA) {
        struct block_position position;
        for (uint32_t i = 0; block_position_at(header, payload, i, &position) == 0; i++) {
            positions_move(&inspection->positions, &position, block_records_end(header));
        }
        inspection->totals = header->totals;
    }
}

static bool is_damage(int error)
{
    return error == E_CORRUPT || error == E_TRUNCATED || error == E_VERSION;
}

// Moves `*offset` behind a damaged block. E_NOT_FOUND when no other one follows.
static int pass_over(struct inspection *inspection, int fd, bool sound,
                     const struct block_header *block, uint64_t limit, uint64_t *offset)
{
    if (sound) {
        *offset += BLOCK_HEADER_BYTES + block->payload_bytes;
        return 0;
    }
    return segment_find_block(inspection->io, fd, *offset + 1, limit, offset);
}

// Reads the blocks of a segment. An error is what the disk says.
static int walk_blocks(struct inspection *inspection, int fd, const struct segment_header *header,
                       uint64_t size, struct walk_result *out_result)
{
    struct block_header footer;
    struct walk_result *result = out_result;
    *result = (struct walk_result){0};
    int sealed = segment_read_footer(inspection->io, fd, size, &footer);
    result->sealed = sealed == 1;
    uint64_t limit = result->sealed ? size - BLOCK_HEADER_BYTES : size;
    uint64_t offset = segment_data_offset(header);
    int error = sealed < 0 ? sealed : 0;
    while (error == 0 && offset < limit) {
        struct block_header block;
        bool sound;
        int found = segment_read_block(inspection->io, fd, offset, limit, &block, &sound,
                                       &inspection->payload);
        if (found == 1) {
            apply_block(inspection, &block);
            result->blocks++;
            result->records += block.record_count;
            offset += BLOCK_HEADER_BYTES + block.payload_bytes;
        } else if (!is_damage(found)) {
            error = found;
        } else if (!result->sealed) {
            result->rest_bytes = limit - offset;
            return 0;
        } else {
            result->damaged_blocks++;
            error = pass_over(inspection, fd, sound, &block, limit, &offset);
        }
    }
    return error == E_NOT_FOUND ? 0 : error;
}

static void describe_walk(struct inspection *inspection, const struct walk_result *result)
{
    struct buf *out = inspection->out;
    buf_appendf(out, "%" PRIu64 " records in %" PRIu64 " blocks, %s", result->records,
                result->blocks, result->sealed ? "sealed" : "open");
    if (result->rest_bytes > 0) {
        buf_appendf(out, ", %" PRIu64 " bytes behind the last whole block", result->rest_bytes);
    }
    if (result->damaged_blocks > 0) {
        buf_appendf(out, ", DAMAGED: %" PRIu64 " blocks", result->damaged_blocks);
        inspection->damaged = true;
    }
}

static void describe_damage(struct inspection *inspection, const char *what, int error)
{
    buf_appendf(inspection->out, "DAMAGED: the %s cannot be read: %s", what, error_text(error));
    inspection->damaged = true;
}

static int describe_content(struct inspection *inspection, int fd, uint64_t size)
{
    struct segment_header header;
    int error = segment_read_header(inspection->io, fd, &header);
    if (error != 0) {
        describe_damage(inspection, "header", error);
        return is_damage(error) ? 0 : error;
    }
    // Every segment begins with all that is known: what the older ones said is superseded.
    struct positions snapshot = {0};
    error = segment_read_snapshot(inspection->io, fd, &header, &snapshot);
    if (error == 0) {
        positions_deinit(&inspection->positions);
        inspection->positions = snapshot;
        inspection->totals = header.totals;
    } else {
        positions_deinit(&snapshot);
        describe_damage(inspection, "snapshot of positions", error);
        buf_append_text(inspection->out, "; ");
    }
    struct walk_result result;
    error = walk_blocks(inspection, fd, &header, size, &result);
    describe_walk(inspection, &result);
    buf_append_text(inspection->out, ", made ");
    append_time(inspection->out, header.created_ns);
    return error;
}

static int describe_segment(struct inspection *inspection, const char *name)
{
    struct io *io = inspection->io;
    char *path = xasprintf("%s/%s", inspection->dir, name);
    int fd = io->open(io, path, O_RDONLY, 0);
    free(path);
    if (fd < 0) {
        // One that the agent gave back since the directory was listed.
        return fd == -ENOENT ? 0 : fd;
    }
    struct file_stat stat;
    int error = io->fstat(io, fd, &stat);
    if (error == 0) {
        buf_appendf(inspection->out, "  %s  %" PRIu64 " bytes, ", name, stat.size);
        error = describe_content(inspection, fd, stat.size);
        buf_append_byte(inspection->out, '\n');
    }
    io->close(io, fd);
    return error;
}

static int describe_segments(struct inspection *inspection)
{
    buf_append_text(inspection->out, "segments\n");
    int error = 0;
    for (size_t i = 0; error == 0 && i < inspection->segments.count; i++) {
        error = describe_segment(inspection, inspection->segments.items[i]);
    }
    for (size_t i = 0; i < inspection->set_aside.count; i++) {
        buf_appendf(inspection->out, "  %s  set aside: its records could not be read\n",
                    inspection->set_aside.items[i]);
    }
    return error;
}

// ---- acknowledgements and books ----

static int read_acks(struct inspection *inspection)
{
    char *path = xasprintf("%s/ack", inspection->dir);
    int error = ackslot_read(inspection->io, path, &inspection->ack);
    free(path);
    inspection->ack_found = error == 0;
    return error == E_NOT_FOUND || error == -ENOENT ? 0 : error;
}

static void append_tally(struct buf *out, const char *name, struct tally tally)
{
    buf_appendf(out, "  %-14s %12" PRIu64 " records %16" PRIu64 " bytes\n", name, tally.records,
                tally.bytes);
}

static uint64_t rest_of(uint64_t all, uint64_t parts)
{
    return all > parts ? all - parts : 0;
}

static struct tally queued_of(const struct read_totals *read, const struct settled_totals *settled)
{
    return (struct tally){
        .records =
            rest_of(read->read_records, read->filtered_records + settled->acknowledged.records +
                                            settled->dead_lettered.records +
                                            settled->dropped.records + settled->damaged.records),
        .bytes = rest_of(read->read_bytes, read->filtered_bytes + settled->acknowledged.bytes +
                                               settled->dead_lettered.bytes +
                                               settled->dropped.bytes + settled->damaged.bytes)};
}

static void describe_books(struct inspection *inspection)
{
    struct buf *out = inspection->out;
    const struct ack_state *ack = &inspection->ack;
    buf_append_text(out, "acknowledgements\n");
    if (inspection->ack_found) {
        buf_appendf(out,
                    "  every record up to %" PRIu64 " is settled, and %" PRIu64
                    " behind it; offered up to %" PRIu64 "\n",
                    ack->window.frontier, ack->window.set, ack->submitted);
    } else {
        buf_append_text(out, "  DAMAGED or missing: everything in the segments is sent again\n");
        inspection->damaged |= inspection->segments.count > 0;
    }
    const struct read_totals *read = &inspection->totals;
    buf_append_text(out, "books\n");
    append_tally(out, "read", (struct tally){read->read_records, read->read_bytes});
    append_tally(out, "filtered", (struct tally){read->filtered_records, read->filtered_bytes});
    append_tally(out, "acknowledged", ack->totals.acknowledged);
    append_tally(out, "dead letters", ack->totals.dead_lettered);
    append_tally(out, "dropped", ack->totals.dropped);
    append_tally(out, "damaged", ack->totals.damaged);
    append_tally(out, "queued", queued_of(read, &ack->totals));
    buf_appendf(out,
                "  lost before they were read: %" PRIu64 " bytes, and at least %" PRIu64
                "; records perhaps sent twice: %" PRIu64 "\n",
                read->lost_bytes, read->lost_bytes_at_least, ack->totals.maybe_repeated);
}

// ---- positions ----

static const char *state_text(enum generation_state state)
{
    switch (state) {
    case GENERATION_LIVE:
        return "live";
    case GENERATION_ENDED:
        return "read to its end";
    case GENERATION_DELETED:
        return "deleted";
    case GENERATION_FORGET:
        break;
    }
    return "forgotten";
}

static void describe_positions(struct inspection *inspection)
{
    struct buf *out = inspection->out;
    buf_append_text(out, "positions\n");
    for (size_t i = 0; i < inspection->positions.count; i++) {
        const struct generation *generation = &inspection->positions.items[i];
        buf_appendf(out, "  %12" PRIu64 "  ", generation->position);
        char *path = positions_path(&inspection->positions, generation);
        (void)json_write_string(out, slice_of_text(path));
        free(path);
        buf_appendf(out, "  generation %" PRIu64 ", inode %" PRIu64 ", %s\n", generation->id,
                    generation->inode, state_text(generation->state));
    }
}

// ---- dead letters ----

static void describe_letter(void *context, const struct dead_record *record)
{
    struct buf *out = context;
    buf_append_text(out, "  ");
    append_time(out, record->time_ns);
    buf_appendf(out, "  %s", record_reason_text(record->reason));
    if (record->detail.size > 0) {
        buf_append_text(out, ": ");
        (void)json_write_string(out, record->detail);
    }
    buf_append_text(out, "\n    from ");
    (void)json_write_string(out, record->path);
    buf_appendf(out, " at %" PRIu64 ", %" PRIu32 " bytes; record %" PRIu64 "-%" PRIu64,
                record->offset, record->source_bytes, record->epoch, record->sequence);
    if (record->key.size > 0) {
        buf_append_text(out, ", partition key ");
        (void)json_write_string(out, record->key);
    }
    buf_append_text(out, "\n    ");
    (void)json_write_string(out, record->data);
    buf_append_byte(out, '\n');
}

static int describe_letters(struct inspection *inspection)
{
    buf_append_text(inspection->out, "dead letters\n");
    char *dir = xasprintf("%s/dead", inspection->dir);
    int error = deadletter_each(inspection->io, dir, describe_letter, inspection->out);
    free(dir);
    return error;
}

static int inspect(struct inspection *inspection)
{
    int error = find_files(inspection);
    if (error == 0) {
        error = read_acks(inspection);
    }
    if (error == 0 && inspection->segments.count == 0 && inspection->set_aside.count == 0 &&
        !inspection->ack_found) {
        error = E_NOT_FOUND;
    }
    if (error == 0) {
        error = describe_segments(inspection);
    }
    if (error == 0) {
        describe_books(inspection);
        describe_positions(inspection);
        error = describe_letters(inspection);
    }
    return error == 0 && inspection->damaged ? E_CORRUPT : error;
}

int queue_inspect(struct io *io, const char *dir, struct buf *out)
{
    struct inspection inspection = {.io = io, .dir = dir, .out = out};
    buf_init(&inspection.payload, BLOCK_PAYLOAD_MAX);
    int error = inspect(&inspection);
    buf_deinit(&inspection.payload);
    positions_deinit(&inspection.positions);
    free_names(&inspection.segments);
    free_names(&inspection.set_aside);
    return error;
}
