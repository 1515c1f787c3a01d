#include "record/try.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json_write.h"
#include "record/record.h"

enum { EXCERPT_BYTES = 80, NOTE_BYTES_MAX = 4096 };

struct sum {
    uint64_t records;
    uint64_t bytes;
};

struct trial {
    struct trial_output output;
    struct stats stats;
    struct stats before; // the last record
    struct record_rules *rules;
    struct framer *framer;
    struct buf note;
    struct sum read;
    struct sum shipped;
    struct sum filtered;
    struct sum dead_letters;
};

int trial_create(const struct flow_config *flow, const struct trial_output *output,
                 struct trial **out_trial)
{
    struct trial *trial = xcalloc(1, sizeof *trial);
    trial->output = *output;
    int error = record_rules_create(&flow->record, &flow->to, &trial->stats, &trial->rules);
    if (error != 0) {
        free(trial);
        return error;
    }
    trial->framer = framer_create(trial->rules, 0, NULL);
    buf_init(&trial->note, NOTE_BYTES_MAX);
    *out_trial = trial;
    return 0;
}

void trial_free(struct trial *trial)
{
    if (trial == NULL) {
        return;
    }
    framer_free(trial->framer);
    record_rules_free(trial->rules);
    buf_deinit(&trial->note);
    free(trial);
}

static void note_record(struct trial *trial, const struct record *record, const char *what)
{
    struct slice excerpt = record->data;
    bool cut = excerpt.size > EXCERPT_BYTES;
    if (cut) {
        excerpt.size = EXCERPT_BYTES;
    }
    buf_clear(&trial->note);
    buf_appendf(&trial->note, "record %" PRIu64 " at byte %" PRIu64 ": %s", trial->read.records,
                framer_position(trial->framer) - record->source_bytes, what);
    if (excerpt.size != 0) {
        buf_append_text(&trial->note, ": ");
        json_write_string(&trial->note, excerpt);
        buf_append_text(&trial->note, cut ? "..." : "");
    }
    trial->output.note(trial->output.context, buf_text(&trial->note));
}

static bool counted(const struct trial *trial, enum stat_id stat)
{
    return stats_get(&trial->stats, stat) != stats_get(&trial->before, stat);
}

static const char *why_filtered(const struct trial *trial)
{
    if (counted(trial, STAT_RECORD_FILTERED)) {
        return "filtered by the flow's filter";
    }
    if (counted(trial, STAT_RECORD_UNMATCHED)) {
        return "dropped: no converter takes it (on_mismatch: drop)";
    }
    if (counted(trial, STAT_RECORD_OVER_LONG)) {
        return "skipped: longer than max_line (over_long: skip)";
    }
    return "left out: a CSV header, a byte order mark, or the rest of a line that was cut";
}

static void note_shipped(struct trial *trial, const struct record *record)
{
    if (counted(trial, STAT_RECORD_UNMATCHED)) {
        note_record(trial, record, "shipped as it is: no converter takes it (on_mismatch: raw)");
    }
    if (counted(trial, STAT_RECORD_OVER_LONG)) {
        note_record(trial, record, "cut: its line is longer than max_line");
    }
    if (counted(trial, STAT_RECORD_BAD_UTF8)) {
        note_record(trial, record, "holds bytes that are not valid, shipped as U+FFFD");
    }
    if (counted(trial, STAT_RECORD_KEY_MISSING)) {
        note_record(trial, record, "has no field for the partition key, shipped with a random one");
    }
}

static void add(struct sum *sum, uint64_t bytes)
{
    sum->records++;
    sum->bytes += bytes;
}

static void show(struct trial *trial, const struct record *record)
{
    add(&trial->read, record->source_bytes);
    switch (record->fate) {
    case RECORD_SHIP:
        add(&trial->shipped, record->data.size);
        trial->output.shipped(trial->output.context, record->data);
        note_shipped(trial, record);
        break;
    case RECORD_FILTERED:
        add(&trial->filtered, record->source_bytes);
        note_record(trial, record, why_filtered(trial));
        break;
    case RECORD_DEAD_LETTER: {
        char what[160];
        snprintf(what, sizeof what, "dead letter: %s", record_reason_text(record->reason));
        add(&trial->dead_letters, record->source_bytes);
        note_record(trial, record, what);
        break;
    }
    }
}

static void take_all(struct trial *trial)
{
    struct record record;
    trial->before = trial->stats;
    while (framer_next(trial->framer, &record)) {
        show(trial, &record);
        trial->before = trial->stats;
    }
}

void trial_feed(struct trial *trial, struct slice chunk)
{
    framer_feed(trial->framer, chunk, 0);
    take_all(trial);
}

void trial_finish(struct trial *trial)
{
    framer_finish(trial->framer);
    take_all(trial);
    buf_clear(&trial->note);
    buf_appendf(&trial->note,
                "%" PRIu64 " records of %" PRIu64 " bytes: %" PRIu64 " shipped (%" PRIu64
                " bytes), %" PRIu64 " filtered, %" PRIu64 " dead letters",
                trial->read.records, trial->read.bytes, trial->shipped.records,
                trial->shipped.bytes, trial->filtered.records, trial->dead_letters.records);
    trial->output.note(trial->output.context, buf_text(&trial->note));
}
