// The effective configuration: plain structs that every other folder reads. config/load.h fills
// them from YAML by the table in config/schema.h; every default lives in that table.
//
// A struct config is immutable once loaded. Sizes are bytes, durations milliseconds.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct string_list {
    char **items;
    size_t count;
};

enum start_at { START_AT_END, START_AT_BEGINNING };

struct source_config {
    struct string_list files;
    struct string_list exclude;
    enum start_at start_at;
    bool compressed;              // files that are gzip by name and content are read
    uint64_t compressed_max_size; // of the content of one; 0: none
    uint64_t poll_interval_ms;    // where inotify does not work
    uint64_t close_after_ms;      // no growth for so long proves the end of a rotated file
    uint64_t ignore_older_ms;     // files not modified for longer are left alone; 0: none
    uint64_t open_files_max;      // descriptors of this flow
};

enum over_long { OVER_LONG_SPLIT, OVER_LONG_TRUNCATE, OVER_LONG_SKIP, OVER_LONG_DEAD_LETTER };

enum invalid_bytes { INVALID_BYTES_KEEP, INVALID_BYTES_REPLACE };

struct lines_config {
    char *encoding;                   // a name for iconv(3); NULL: bytes as they are
    enum invalid_bytes invalid_bytes; // keep: with UTF-8 and without an encoding
    char *line_ending;                // "lf" (also when NULL), "crlf", "nul", or the bytes
    uint64_t max_line;                // bytes of the file without the line ending
    enum over_long over_long;
    uint64_t partial_line_timeout_ms; // 0: a last line without newline waits for its end
};

struct multiline_config {
    // Patterns; with none of them every line is a record.
    char *start;        // of a line before which a record ends
    char *end;          // of a line after which a record ends
    char *continuation; // of every line but the first
    uint64_t max_lines;
    uint64_t max_bytes;
    uint64_t timeout_ms; // a record whose next start line does not come is complete after this
};

enum converter_kind { CONVERTER_REGEX, CONVERTER_PRESET, CONVERTER_CSV, CONVERTER_JSON };

struct converter_config {
    enum converter_kind kind;
    char *pattern;            // regex: PCRE2 with named groups
    char *preset;             // preset: "common" or "combined"
    char delimiter;           // csv
    bool header;              // csv: the first line of each file names the fields
    struct string_list names; // csv: names of the fields
    struct string_list keep;  // json: only these members, in this order; empty: all
};

enum on_mismatch { ON_MISMATCH_RAW, ON_MISMATCH_DROP, ON_MISMATCH_DEAD_LETTER };

struct filter_config {
    struct string_list include; // a record must match one of them, when there are any
    struct string_list exclude; // and none of these
};

struct record_config {
    struct lines_config lines;
    struct multiline_config multiline;
    struct converter_config *converters;
    size_t converter_count;
    enum on_mismatch on_mismatch;
    struct filter_config filter;
    char *record_end; // "\n" by default, "" for none
};

enum when_full { WHEN_FULL_BLOCK, WHEN_FULL_DROP_OLDEST };
enum sync_mode { SYNC_INTERVAL, SYNC_ALWAYS, SYNC_OS };

struct queue_config {
    uint64_t max_size;
    enum when_full when_full;
    enum sync_mode sync;
    uint64_t sync_interval_ms; // with SYNC_INTERVAL
    uint64_t dead_letter_max_size;
};

struct batch_config {
    uint64_t max_records;
    uint64_t max_size;
    uint64_t max_delay_ms;
    uint64_t in_flight_max;
};

enum service { SERVICE_KINESIS, SERVICE_FIREHOSE };
enum partition_key { PARTITION_KEY_RANDOM, PARTITION_KEY_FIELD, PARTITION_KEY_HASH };
enum wire { WIRE_AUTO, WIRE_CBOR, WIRE_JSON };

struct destination_config {
    enum service service;
    char *stream;
    char *region;   // the flow's own or the global one; never NULL after loading
    char *endpoint; // URL, or NULL for the service's own
    enum partition_key partition_key;
    char *partition_key_field; // with PARTITION_KEY_FIELD
    enum wire wire;
    uint64_t max_record_size; // the stream's MaxRecordSizeInKiB, in bytes
};

enum after_ship { AFTER_SHIP_KEEP, AFTER_SHIP_DELETE, AFTER_SHIP_MOVE };

struct after_ship_config {
    enum after_ship action;
    char *dir; // with AFTER_SHIP_MOVE
};

struct flow_config {
    char *name;
    struct source_config source;
    struct record_config record;
    struct queue_config queue;
    struct batch_config batch;
    struct after_ship_config after_ship;
    struct destination_config to;
    uint64_t memory; // bound of the request bodies in flight
};

struct tls_config {
    char *ca_file; // NULL: the system's
};

struct credentials_config {
    char *profile; // NULL: AWS_PROFILE or "default"
    char *access_key_id;
    char *secret_access_key;
    char *session_token;
    char *imds_endpoint; // URL, or NULL for 169.254.169.254
};

struct config {
    uint64_t version; // of the configuration's format
    char *region;     // NULL when every flow names its own
    char *state_dir;
    char *status_socket; // path of the status socket
    char *log_level;
    uint64_t shutdown_timeout_ms;
    struct queue_config queue; // what a flow has unless it says otherwise
    uint64_t queue_total_max;  // over all flows; 0: no limit
    uint64_t queue_min_free;   // free bytes that are left on the disk
    char *endpoint_kinesis;    // NULL: the service's own
    char *endpoint_firehose;
    struct tls_config tls;
    struct credentials_config credentials;
    struct flow_config *flows;
    size_t flow_count;
};
