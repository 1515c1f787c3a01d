#include "runtime/flow_status.h"

#include "base/clock.h"
#include "base/json_write.h"

enum { STALLED_AFTER_S = 10 };

void flow_rates_sample(struct flow_rates *rates, const struct books *books, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - rates->sampled_ns;
    if (rates->sampled_ns != 0 && passed_ns < FLOW_RATES_INTERVAL_S * NS_PER_S) {
        return;
    }
    if (rates->sampled_ns != 0) {
        double seconds = (double)passed_ns / (double)NS_PER_S;
        const struct books *before = &rates->books;
        rates->read_bytes_per_s = (double)(books->read.bytes - before->read.bytes) / seconds;
        rates->read_records_per_s = (double)(books->read.records - before->read.records) / seconds;
        rates->acknowledged_records_per_s =
            (double)(books->acknowledged.records - before->acknowledged.records) / seconds;
    }
    rates->sampled_ns = now_ns;
    rates->books = *books;
}

static void write_number(struct buf *out, const char *name, uint64_t value)
{
    json_write_name(out, name);
    buf_append_u64_decimal(out, value);
}

static void write_rate(struct buf *out, const char *name, double value)
{
    json_write_name(out, name);
    buf_appendf(out, "%.1f", value);
}

static void write_text(struct buf *out, const char *name, const char *value)
{
    json_write_name(out, name);
    json_write_string(out, slice_of_text(value));
}

static void write_tally(struct buf *out, const char *name, struct tally tally)
{
    json_write_name(out, name);
    buf_append_byte(out, '{');
    write_number(out, "records", tally.records);
    write_number(out, "bytes", tally.bytes);
    buf_append_byte(out, '}');
}

static void write_books(struct buf *out, const struct books *books)
{
    json_write_name(out, "books");
    buf_append_byte(out, '{');
    write_tally(out, "read", books->read);
    write_tally(out, "acknowledged", books->acknowledged);
    write_tally(out, "filtered", books->filtered);
    write_tally(out, "dead_lettered", books->dead_lettered);
    write_tally(out, "dropped", books->dropped);
    write_tally(out, "damaged", books->damaged);
    write_tally(out, "queued", books->queued);
    write_number(out, "skipped_bytes", books->skipped_bytes);
    write_number(out, "lost_bytes", books->lost_bytes);
    write_number(out, "lost_bytes_at_least", books->lost_bytes_at_least);
    write_number(out, "maybe_repeated", books->maybe_repeated);
    json_write_name(out, "balanced");
    buf_append_text(out, books_balance(books) ? "true" : "false");
    buf_append_byte(out, '}');
}

static void write_queue(struct buf *out, const struct queue_usage *usage)
{
    json_write_name(out, "queue");
    buf_append_byte(out, '{');
    write_number(out, "bytes", usage->bytes);
    write_number(out, "bytes_max", usage->bytes_max);
    write_number(out, "records", usage->records);
    write_number(out, "segments", usage->segments);
    write_number(out, "last_sequence", usage->last_sequence);
    write_number(out, "durable_sequence", usage->durable_sequence);
    write_number(out, "frontier", usage->frontier);
    buf_append_byte(out, '}');
}

static void write_lag(struct buf *out, const struct flow_snapshot *snapshot)
{
    uint64_t oldest_ns = snapshot->usage.oldest_ns;
    uint64_t age_ns =
        oldest_ns == 0 || oldest_ns > snapshot->now_real_ns ? 0 : snapshot->now_real_ns - oldest_ns;
    json_write_name(out, "lag");
    buf_append_byte(out, '{');
    write_number(out, "bytes",
                 stats_get(snapshot->stats, STAT_SOURCE_LAG_BYTES) + snapshot->books.queued.bytes);
    write_rate(out, "seconds", (double)age_ns / (double)NS_PER_S);
    buf_append_byte(out, '}');
}

static void write_watching(struct buf *out, const struct stats *stats)
{
    static const struct {
        enum stat_id stat;
        const char *text;
    } reasons[] = {
        {STAT_SOURCE_DIRS_NO_INSTANCE,
         "no inotify instance is left (fs.inotify.max_user_instances)"},
        {STAT_SOURCE_DIRS_NO_WATCH, "no inotify watches are left (fs.inotify.max_user_watches)"},
        {STAT_SOURCE_DIRS_NETWORK, "inotify tells nothing of a network filesystem"},
        {STAT_SOURCE_DIRS_REFUSED, "inotify may not watch them: permission denied"},
    };
    json_write_name(out, "watching");
    buf_append_byte(out, '{');
    json_write_name(out, "polling_because");
    buf_append_byte(out, '[');
    uint64_t polled = 0;
    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
        uint64_t count = stats_get(stats, reasons[i].stat);
        if (count > 0) {
            buf_append_text(out, polled > 0 ? "," : "");
            (void)json_write_string(out, slice_of_text(reasons[i].text));
            polled += count;
        }
    }
    buf_append_byte(out, ']');
    write_text(out, "method", polled > 0 ? "polling" : "inotify");
    write_number(out, "directories", stats_get(stats, STAT_SOURCE_DIRS_WATCHED) + polled);
    write_number(out, "directories_polled", polled);
    buf_append_byte(out, '}');
}

static void write_counters(struct buf *out, const struct stats *stats)
{
    json_write_name(out, "counters");
    buf_append_byte(out, '{');
    for (unsigned stat = 0; stat < STAT_COUNT; stat++) {
        write_number(out, stat_info(stat)->name, stats_get(stats, stat));
    }
    buf_append_byte(out, '}');
}

static const char *state_of(const struct flow_snapshot *snapshot)
{
    if (!snapshot->running) {
        return "failed";
    }
    return snapshot->stalled_ns > STALLED_AFTER_S * NS_PER_S ? "stalled" : "running";
}

static void write_last_error(struct buf *out, const struct flow_snapshot *snapshot)
{
    json_write_name(out, "last_error");
    if (snapshot->error[0] == '\0') {
        buf_append_text(out, "null");
        return;
    }
    buf_append_byte(out, '{');
    write_text(out, "text", snapshot->error);
    write_number(out, "time", snapshot->error_real_ns / NS_PER_S);
    buf_append_byte(out, '}');
}

void flow_status_write(const struct flow_snapshot *snapshot, struct buf *out)
{
    const struct destination_config *to = &snapshot->flow->to;
    buf_append_byte(out, '{');
    write_text(out, "name", snapshot->flow->name);
    write_text(out, "service", to->service == SERVICE_KINESIS ? "kinesis" : "firehose");
    write_text(out, "stream", to->stream);
    write_text(out, "state", state_of(snapshot));
    write_last_error(out, snapshot);
    write_lag(out, snapshot);
    write_watching(out, snapshot->stats);
    write_queue(out, &snapshot->usage);
    json_write_name(out, "rates");
    buf_append_byte(out, '{');
    write_rate(out, "read_bytes_per_s", snapshot->rates->read_bytes_per_s);
    write_rate(out, "read_records_per_s", snapshot->rates->read_records_per_s);
    write_rate(out, "acknowledged_records_per_s", snapshot->rates->acknowledged_records_per_s);
    buf_append_byte(out, '}');
    write_books(out, &snapshot->books);
    write_counters(out, snapshot->stats);
    json_write_name(out, "files");
    if (snapshot->files != NULL) {
        file_list_write(snapshot->files, out);
    } else {
        buf_append_text(out, "null");
    }
    buf_append_byte(out, '}');
}

static void write_fingerprint(struct buf *out, const char *name, struct fingerprint fingerprint)
{
    json_write_name(out, name);
    buf_append_byte(out, '{');
    write_number(out, "length", fingerprint.length);
    json_write_name(out, "hash"); // JSON parsers read 64 bits as a signed number
    buf_appendf(out, "%lld", (long long)fingerprint.hash);
    buf_append_byte(out, '}');
}

void flow_file_write(const char *flow, const struct file_question *answer,
                     const struct queue_shipping *shipping, struct buf *out)
{
    static const char *const knowledge[] = {
        [SOURCE_NO_MATCH] = "no_match", [SOURCE_NOT_READ] = "not_read", [SOURCE_KNOWN] = "known"};
    buf_append_byte(out, '{');
    write_text(out, "name", flow);
    write_text(out, "knowledge", answer == NULL ? "no_answer" : knowledge[answer->knowledge]);
    if (answer != NULL && answer->knowledge != SOURCE_NO_MATCH) {
        write_text(out, "state", answer->info.state);
    }
    if (answer != NULL && answer->knowledge == SOURCE_KNOWN) {
        write_number(out, "generation", answer->info.generation);
        write_number(out, "position", shipping->position);
        json_write_name(out, "compressed");
        buf_append_text(out, answer->info.compressed ? "true" : "false");
        write_number(out, "size", answer->info.size);
        write_number(out, "ends_with", answer->info.ends_with);
        write_number(out, "end", shipping->end);
        write_number(out, "settled", shipping->settled);
        write_number(out, "tail_position", shipping->tail_position);
        write_fingerprint(out, "head", shipping->head);
        write_fingerprint(out, "tail", shipping->tail);
        file_list_write_harm(shipping, out);
    }
    buf_append_byte(out, '}');
}
