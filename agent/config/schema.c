#include "config/schema.h"

#include <string.h>

#include "config/rules.h"
#include "config/schema_rows.h"

static const struct schema_choice start_at_choices[] = {
    {"end", START_AT_END, "only what is appended from now on"},
    {"beginning", START_AT_BEGINNING, "everything that is in them"},
    END,
};

static const struct schema_choice when_full_choices[] = {
    {"block", WHEN_FULL_BLOCK, "reading stops until there is room; the files keep the rest"},
    {"drop_oldest", WHEN_FULL_DROP_OLDEST, "the oldest records are dropped and counted"},
    END,
};

static const struct schema_choice sync_choices[] = {
    {"always", SYNC_ALWAYS, "nothing is sent before it is on disk"},
    {"os", SYNC_OS, "when the kernel likes; only full segments are synced"},
    END,
};

static const struct schema_choice partition_key_choices[] = {
    {"random", PARTITION_KEY_RANDOM, "spreads records evenly over the shards"},
    {"hash", PARTITION_KEY_HASH, "equal records go to the same shard"},
    END,
};

static const struct schema_choice after_ship_choices[] = {
    {"keep", AFTER_SHIP_KEEP, "nothing: what rotates the files removes them"},
    {"delete", AFTER_SHIP_DELETE, "it is deleted"},
    END,
};

static const struct schema_choice wire_choices[] = {
    {"auto", WIRE_AUTO, "CBOR, and JSON where an endpoint refuses CBOR"},
    {"cbor", WIRE_CBOR, "a quarter fewer bytes than JSON"},
    {"json", WIRE_JSON, "what every emulator understands"},
    END,
};

static const struct schema_choice log_level_choices[] = {
    {"error", 0, "a person must act"},
    {"warning", 0, "degraded, and acting by itself"},
    {"notice", 0, "start, stop, changes of state"},
    {"info", 0, "what was done with a file by rule: a hole passed over, a shipped file removed"},
    {"debug", 0, "a line for each request"},
    END,
};

static const struct schema_field batch_fields[] = {
    {.name = "max_records",
     .type = SCHEMA_COUNT,
     AT(batch_config, max_records),
     .min = 1,
     .max = 500,
     .fallback = "500",
     .help = "Records in one request. 500 is the limit of both services."},
    {.name = "max_size",
     .type = SCHEMA_SIZE,
     AT(batch_config, max_size),
     .min = KIB,
     .max = 10 * MIB,
     .fallback = "1MiB",
     .help = "Data and partition keys in one request. Firehose takes at most 4MiB."},
    {.name = "max_delay",
     .type = SCHEMA_DURATION,
     AT(batch_config, max_delay_ms),
     .max = 15 * MINUTE,
     .fallback = "1s",
     .help = "A record waits at most so long for others to share a request with."},
    {.name = "in_flight_max",
     .type = SCHEMA_COUNT,
     AT(batch_config, in_flight_max),
     .min = 1,
     .max = 16,
     .fallback = "16",
     .help = "Requests that may be under way at a time. With `1` and one shard, records whose "
             "requests are taken whole arrive in the order in which they were read."},
    END,
};
static const struct schema_table batch_table = {batch_fields, sizeof(struct batch_config), false,
                                                0};

static const struct schema_field partition_key_fields[] = {
    {.name = "field",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_REQUIRED,
     AT(destination_config, partition_key_field),
     .check = rule_not_empty,
     .example = "user.id",
     .help =
         "The member of a JSON record whose value is the key; a dot reaches inside. Where it is "
         "missing, the key is random and counted."},
    END,
};
static const struct schema_table partition_key_table = {
    partition_key_fields, sizeof(struct destination_config), false, 0};

#define DESTINATION_STREAM                                                          \
    {                                                                               \
        .name = "stream", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED,            \
        AT(destination_config, stream), .example = "weblogs", .check = rule_stream, \
        .help = "Name of the stream (not its ARN).",                                \
    }
#define DESTINATION_REGION                                                     \
    {                                                                          \
        .name = "region", .type = SCHEMA_TEXT, AT(destination_config, region), \
        .check = rule_region, .example = "eu-west-1",                          \
        .help = "Region of the stream, if it is not the global `region`.",     \
    }
#define DESTINATION_ENDPOINT                                                       \
    {                                                                              \
        .name = "endpoint", .type = SCHEMA_TEXT, AT(destination_config, endpoint), \
        .check = rule_url, .example = "\"http://127.0.0.1:4567\"",                 \
        .help = "URL to send to, if it is neither the service's own nor the one "  \
                "in `endpoints`.",                                                 \
    }

static const struct schema_field kinesis_fields[] = {
    DESTINATION_STREAM,
    DESTINATION_REGION,
    DESTINATION_ENDPOINT,
    {.name = "partition_key",
     .type = SCHEMA_CHOICE_OR_MAP,
     .tag = PARTITION_KEY_FIELD,
     AT(destination_config, partition_key),
     .choices = partition_key_choices,
     .table = &partition_key_table,
     .fallback = "random",
     .help = "Which shard a record goes to: one of the words, or `{field: NAME}`."},
    {.name = "wire",
     .type = SCHEMA_CHOICE,
     AT(destination_config, wire),
     .choices = wire_choices,
     .fallback = "auto",
     .help = "How requests are written."},
    {.name = "max_record_size",
     .type = SCHEMA_SIZE,
     AT(destination_config, max_record_size),
     .min = KIB,
     .max = 10 * MIB,
     .fallback = "1MiB",
     .help = "Largest record, data and partition key: the stream's MaxRecordSizeInKiB. What is "
             "larger is dead-lettered."},
    END,
};
static const struct schema_table kinesis_table = {kinesis_fields, sizeof(struct destination_config),
                                                  false, 0};

static const struct schema_field firehose_fields[] = {
    DESTINATION_STREAM,
    DESTINATION_REGION,
    DESTINATION_ENDPOINT,
    END,
};
static const struct schema_table firehose_table = {firehose_fields,
                                                   sizeof(struct destination_config), false, 0};

static const struct schema_field destination_fields[] = {
    {.name = "kinesis",
     .type = SCHEMA_MAP,
     .tag = SERVICE_KINESIS,
     .table = &kinesis_table,
     .help = "Amazon Kinesis Data Streams."},
    {.name = "firehose",
     .type = SCHEMA_MAP,
     .tag = SERVICE_FIREHOSE,
     .table = &firehose_table,
     .help = "Amazon Data Firehose."},
    END,
};
static const struct schema_table destination_table = {destination_fields,
                                                      sizeof(struct destination_config), true,
                                                      offsetof(struct destination_config, service)};

// The queue of a flow and its defaults for all flows are members of different structs.
#define DEAD_LETTER_FIELDS(struct_name, member)                                          \
    {                                                                                    \
        .name = "max_size",                                                              \
        .type = SCHEMA_SIZE,                                                             \
        AT(struct_name, member),                                                         \
        .min = MIB,                                                                      \
        .max = TIB,                                                                      \
        .fallback = "256MiB",                                                            \
        .help = "Disk space for the dead letters of one flow. Beyond it the oldest are " \
                "dropped and counted.",                                                  \
    },                                                                                   \
        END
#define QUEUE_FIELDS(struct_name, prefix, dead_letter)                                            \
    {                                                                                             \
        .name = "max_size",                                                                       \
        .type = SCHEMA_SIZE,                                                                      \
        AT(struct_name, prefix max_size),                                                         \
        .min = 4 * MIB,                                                                           \
        .max = 16 * TIB,                                                                          \
        .fallback = "1GiB",                                                                       \
        .help = "Disk space for the records of one flow that wait to be sent.",                   \
    },                                                                                            \
        {.name = "when_full",                                                                     \
         .type = SCHEMA_CHOICE,                                                                   \
         AT(struct_name, prefix when_full),                                                       \
         .choices = when_full_choices,                                                            \
         .fallback = "block",                                                                     \
         .help = "What happens when that is used up."},                                           \
        {.name = "sync",                                                                          \
         .type = SCHEMA_CHOICE_OR_DURATION,                                                       \
         .tag = SYNC_INTERVAL,                                                                    \
         AT(struct_name, prefix sync),                                                            \
         ALSO(struct_name, prefix sync_interval_ms),                                              \
         .min = 10,                                                                               \
         .max = HOUR,                                                                             \
         .choices = sync_choices,                                                                 \
         .fallback = "1s",                                                                        \
         .help = "How often records are forced to disk: at least so often, or one of the words. " \
                 "Only a power loss or a crash of the kernel makes a difference; what was not "   \
                 "synced is read again from its file."},                                          \
    {                                                                                             \
        .name = "dead_letter", .type = SCHEMA_MAP, .table = &(dead_letter),                       \
        .help = "Records that were set aside, with their reason; `kintail queue` prints them.",   \
    }

static const struct schema_field dead_letter_fields[] = {
    DEAD_LETTER_FIELDS(queue_config, dead_letter_max_size)};
static const struct schema_table dead_letter_table = {dead_letter_fields,
                                                      sizeof(struct queue_config), false, 0};
static const struct schema_field queue_fields[] = {
    QUEUE_FIELDS(queue_config, , dead_letter_table),
    END,
};
static const struct schema_table queue_table = {queue_fields, sizeof(struct queue_config), false,
                                                0};

static const struct schema_field after_ship_fields[] = {
    {.name = "move",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_REQUIRED,
     AT(flow_config, after_ship.dir),
     .check = rule_absolute,
     .example = "/var/log/nginx/shipped",
     .help = "The directory that files go to: on the filesystem of the files, and where no pattern "
             "of the flow matches. A name that is taken there gets a number."},
    END,
};
static const struct schema_table after_ship_table = {after_ship_fields, sizeof(struct flow_config),
                                                     false, 0};

static const struct schema_field flow_fields[] = {
    {.name = "name",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_REQUIRED,
     AT(flow_config, name),
     .check = rule_flow_name,
     .example = "web",
     .help = "Name of the flow and of its queue: `[a-z0-9][a-z0-9_-]{0,63}`. Positions and queue "
             "belong to it; a flow that is renamed is a new flow, and what the old one has queued "
             "stays until "
             "a flow has that name again (the log names it at the start)."},
    {.name = "files",
     .type = SCHEMA_TEXTS,
     .flags = SCHEMA_REQUIRED,
     AT(flow_config, source.files),
     .min = 1,
     .max = 1000,
     .check = rule_absolute,
     .example = "[\"/var/log/nginx/access*.log\"]",
     .help = "Patterns of absolute paths, with `*`, `?`, `[...]`, `{a,b}`, and `**` for any "
             "directories."},
    {.name = "exclude",
     .type = SCHEMA_TEXTS,
     AT(flow_config, source.exclude),
     .max = 1000,
     .check = rule_not_empty,
     .example = "[\"*.gz\"]",
     .help = "Patterns of files to leave out. Without a slash, of names; else of whole paths."},
    {.name = "start_at",
     .type = SCHEMA_CHOICE,
     AT(flow_config, source.start_at),
     .choices = start_at_choices,
     .fallback = "end",
     .help = "What is shipped of files that exist when the flow starts for the first time. Every "
             "later file is read from its beginning."},
    {.name = "after_ship",
     .type = SCHEMA_CHOICE_OR_MAP,
     .tag = AFTER_SHIP_MOVE,
     AT(flow_config, after_ship.action),
     .choices = after_ship_choices,
     .table = &after_ship_table,
     .fallback = "keep",
     .help = "What becomes of a rotated file, once its end is proven and every byte of it was "
             "acknowledged or filtered by rule, by every flow that matches it: one of the words, "
             "or `{move: DIR}`. It never concerns a file that has the name under which it began, "
             "is open for writing, or of which anything was lost, dropped, dead-lettered, damaged "
             "or skipped."},
    {.name = "compressed",
     .type = SCHEMA_BOOL,
     AT(flow_config, source.compressed),
     .fallback = "false",
     .help = "Read the content of files whose names end in `.gz` and that are gzip; else they are "
             "not read. One that was made of a log which is known goes on where that one ended."},
    {.name = "compressed_max_size",
     .type = SCHEMA_SIZE,
     AT(flow_config, source.compressed_max_size),
     .min = MIB,
     .max = 1024 * TIB,
     .fallback = "64GiB",
     .help = "How much content is read of one compressed file, against archives that were made to "
             "fill disks. It does not stop what is known to be the rotated log of that size."},
    {.name = "poll_interval",
     .type = SCHEMA_DURATION,
     AT(flow_config, source.poll_interval_ms),
     .min = 100,
     .max = HOUR,
     .fallback = "1s",
     .help = "How often files are looked at where the kernel does not report changes, such as "
             "network filesystems."},
    {.name = "close_after",
     .type = SCHEMA_DURATION,
     AT(flow_config, source.close_after_ms),
     .min = 100,
     .max = 7 * DAY,
     .fallback = "60s",
     .help = "A file that was renamed away or deleted is done when it has not grown for so long."},
    {.name = "ignore_older",
     .type = SCHEMA_DURATION,
     AT(flow_config, source.ignore_older_ms),
     .max = 3650 * DAY,
     .fallback = "0s",
     .help = "Files that were not modified for longer are left alone. `0s`: none is."},
    {.name = "open_files_max",
     .type = SCHEMA_COUNT,
     AT(flow_config, source.open_files_max),
     .min = 1,
     .max = 1000000,
     .fallback = "512",
     .help = "Files of this flow that are open at a time; fewer where the limit of the process"
             " (RLIMIT_NOFILE), which is raised as far as it may be, has no room for those of all"
             " flows."},
    {.name = "encoding",
     .type = SCHEMA_TEXT,
     AT(flow_config, record.lines.encoding),
     .check = rule_encoding,
     .example = "utf-16le",
     .help = "Encoding of the files, by any name that iconv(3) knows (`iconv -l`); records are "
             "UTF-8. `utf-16` and `utf-32` go by the byte order mark of each file, little-endian "
             "without one. A byte order mark is left out. Not set: bytes are shipped as they are. "
             "Encodings that keep a state between characters (ISO-2022, UTF-7) are refused."},
    {.name = "invalid_bytes",
     .type = SCHEMA_CHOICE,
     AT(flow_config, record.lines.invalid_bytes),
     .choices = schema_invalid_bytes,
     .fallback = "keep",
     .help = "What becomes of bytes that are not valid in the encoding. In any other than UTF-8 "
             "they have no place in the record, so that it is always `replace` there."},
    {.name = "line_ending",
     .type = SCHEMA_TEXT,
     AT(flow_config, record.lines.line_ending),
     .fallback = "lf",
     .check = rule_line_ending,
     .example = "\"\\x1e\\n\"",
     .help = "What ends a line: `lf` is a newline, with or without a carriage return before it; "
             "`crlf` only both; `nul` a zero byte; anything else is the ending itself, of 1 to 16 "
             "bytes. Write it in double quotes, so that `\\r` is a carriage return. The line "
             "endings inside a record stay."},
    {.name = "max_line",
     .type = SCHEMA_SIZE,
     AT(flow_config, record.lines.max_line),
     .min = 16,
     .max = 10 * MIB,
     .fallback = "1MiB",
     .help = "Longest line, in bytes of the file without the line ending. `split` and `truncate` "
             "cut earlier where what is shipped would not fit into a record of the service: its "
             "partition key counts, and so does what an `encoding` becomes in UTF-8."},
    {.name = "over_long",
     .type = SCHEMA_CHOICE,
     AT(flow_config, record.lines.over_long),
     .choices = schema_over_long,
     .fallback = "split",
     .help = "What happens to a longer line."},
    {.name = "partial_line_timeout",
     .type = SCHEMA_DURATION,
     AT(flow_config, record.lines.partial_line_timeout_ms),
     .max = DAY,
     .fallback = "0s",
     .help = "A last line without a newline is shipped after so long. `0s`: it waits for its end."},
    {.name = "multiline",
     .type = SCHEMA_MAP,
     AT(flow_config, record.multiline),
     .table = &schema_multiline,
     .help = "Records of several lines, such as stack traces."},
    {.name = "convert",
     .type = SCHEMA_LIST,
     AT(flow_config, record.converters),
     ALSO(flow_config, record.converter_count),
     .max = 16,
     .table = &schema_converter,
     .example = "[{preset: combined}]",
     .help = "What becomes of a line, in order: the first converter that fits takes it. None: "
             "lines are shipped as they are."},
    {.name = "on_mismatch",
     .type = SCHEMA_CHOICE,
     AT(flow_config, record.on_mismatch),
     .choices = schema_on_mismatch,
     .fallback = "raw",
     .help = "What becomes of a line that fits no converter."},
    {.name = "filter",
     .type = SCHEMA_MAP,
     AT(flow_config, record.filter),
     .table = &schema_filter,
     .help = "Which records are shipped, by what they look like before they are converted."},
    {.name = "record_end",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_NONE_IS_EMPTY,
     AT(flow_config, record.record_end),
     .fallback = "\n",
     .check = rule_record_end,
     .help = "What ends each record, never doubled; `none` for nothing. Write it in double quotes, "
             "so that `\\n` is a newline."},
    {.name = "queue",
     .type = SCHEMA_MAP,
     .flags = SCHEMA_INHERITED,
     AT(flow_config, queue),
     .table = &queue_table,
     .help = "As the global `queue`; what is not set here is as it is there."},
    {.name = "batch",
     .type = SCHEMA_MAP,
     AT(flow_config, batch),
     .table = &batch_table,
     .help = "How records are gathered into requests."},
    {.name = "memory",
     .type = SCHEMA_SIZE,
     AT(flow_config, memory),
     .min = MIB,
     .max = GIB,
     .fallback = "8MiB",
     .help = "Request bodies that may be under way at a time; a larger one goes alone."},
    {.name = "to",
     .type = SCHEMA_MAP,
     .flags = SCHEMA_REQUIRED,
     AT(flow_config, to),
     .table = &destination_table,
     .example = "{kinesis: {stream: weblogs}}",
     .help = "Where the records go: exactly one destination."},
    END,
};
static const struct schema_table flow_table = {flow_fields, sizeof(struct flow_config), false, 0};

static const struct schema_field global_dead_letter_fields[] = {
    DEAD_LETTER_FIELDS(config, queue.dead_letter_max_size)};
static const struct schema_table global_dead_letter_table = {global_dead_letter_fields,
                                                             sizeof(struct config), false, 0};
static const struct schema_field global_queue_fields[] = {
    QUEUE_FIELDS(config, queue., global_dead_letter_table),
    {.name = "total_max",
     .type = SCHEMA_SIZE,
     AT(config, queue_total_max),
     .max = 1024 * TIB,
     .fallback = "0B",
     .help =
         "Disk space for the queues of all flows together; when it is used up, a flow whose queue "
         "is empty takes a block at a time. `0`: no limit but their own."},
    {.name = "min_free",
     .type = SCHEMA_SIZE,
     AT(config, queue_min_free),
     .max = 1024 * TIB,
     .fallback = "128MiB",
     .help = "Free space that is left on the disk; below it, queues count as full."},
    END,
};
static const struct schema_table global_queue_table = {global_queue_fields, sizeof(struct config),
                                                       false, 0};

static const struct schema_field endpoints_fields[] = {
    {.name = "kinesis",
     .type = SCHEMA_TEXT,
     AT(config, endpoint_kinesis),
     .check = rule_url,
     .example = "\"http://127.0.0.1:4567\"",
     .help = "URL for Data Streams."},
    {.name = "firehose",
     .type = SCHEMA_TEXT,
     AT(config, endpoint_firehose),
     .check = rule_url,
     .example = "\"http://127.0.0.1:4567\"",
     .help = "URL for Firehose."},
    END,
};
static const struct schema_table endpoints_table = {endpoints_fields, sizeof(struct config), false,
                                                    0};

static const struct schema_field tls_fields[] = {
    {.name = "ca_file",
     .type = SCHEMA_TEXT,
     AT(tls_config, ca_file),
     .check = rule_absolute,
     .example = "/etc/ssl/private-ca.pem",
     .help = "Certificates (PEM) that are trusted instead of the system's."},
    END,
};
static const struct schema_table tls_table = {tls_fields, sizeof(struct tls_config), false, 0};

static const struct schema_field credentials_fields[] = {
    {.name = "profile",
     .type = SCHEMA_TEXT,
     AT(credentials_config, profile),
     .check = rule_not_empty,
     .help = "Profile in the shared AWS files, if it is neither AWS_PROFILE nor `default`."},
    {.name = "access_key_id",
     .type = SCHEMA_TEXT,
     AT(credentials_config, access_key_id),
     .check = rule_not_empty,
     .example = "${MY_KEY_ID}",
     .help = "A fixed access key; better leave it out and use a role."},
    {.name = "secret_access_key",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_SECRET,
     AT(credentials_config, secret_access_key),
     .check = rule_secret,
     .example = "${MY_SECRET}",
     .help = "Its secret."},
    {.name = "session_token",
     .type = SCHEMA_TEXT,
     .flags = SCHEMA_SECRET,
     AT(credentials_config, session_token),
     .check = rule_secret,
     .example = "${MY_TOKEN}",
     .help = "The token of a temporary key."},
    {.name = "imds_endpoint",
     .type = SCHEMA_TEXT,
     AT(credentials_config, imds_endpoint),
     .check = rule_url,
     .help = "URL of the instance metadata service, if it is not http://169.254.169.254."},
    END,
};
static const struct schema_table credentials_table = {credentials_fields,
                                                      sizeof(struct credentials_config), false, 0};

static const struct schema_field config_fields[] = {
    {.name = "version",
     .type = SCHEMA_COUNT,
     AT(config, version),
     .min = 1,
     .max = 1,
     .fallback = "1",
     .help = "Version of this format."},
    {.name = "region",
     .type = SCHEMA_TEXT,
     AT(config, region),
     .check = rule_region,
     .example = "eu-west-1",
     .help = "AWS region of the streams. Without it AWS_REGION, then AWS_DEFAULT_REGION of the "
             "environment count."},
    {.name = "state_dir",
     .type = SCHEMA_TEXT,
     AT(config, state_dir),
     .fallback = "/var/lib/kintail",
     .check = rule_absolute,
     .help = "Directory of the queues and positions. One daemon can use it at a time."},
    {.name = "status_socket",
     .type = SCHEMA_TEXT,
     AT(config, status_socket),
     .fallback = "/run/kintail/kintail.sock",
     .check = rule_socket,
     .help = "Unix socket that answers `kintail status`."},
    {.name = "log_level",
     .type = SCHEMA_WORD,
     AT(config, log_level),
     .choices = log_level_choices,
     .fallback = "notice",
     .help = "What is worth a line in the log."},
    {.name = "shutdown_timeout",
     .type = SCHEMA_DURATION,
     AT(config, shutdown_timeout_ms),
     .max = HOUR,
     .fallback = "10s",
     .help = "After SIGTERM, sending goes on for at most so long, and answers under way are waited "
             "for one second more; the rest stays queued."},
    {.name = "queue",
     .type = SCHEMA_MAP,
     .table = &global_queue_table,
     .help = "The queues on disk: what each flow has, and limits for all of them."},
    {.name = "endpoints",
     .type = SCHEMA_MAP,
     .table = &endpoints_table,
     .help = "URLs in place of the services' own: for kintail-sandbox, VPC endpoints, proxies."},
    {.name = "tls",
     .type = SCHEMA_MAP,
     AT(config, tls),
     .table = &tls_table,
     .help = "Encryption."},
    {.name = "credentials",
     .type = SCHEMA_MAP,
     AT(config, credentials),
     .table = &credentials_table,
     .help = "Who the agent is to AWS. Without it: environment, shared AWS files, the role of a "
             "pod, a container or the instance; see credentials.md."},
    {.name = "flows",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     AT(config, flows),
     ALSO(config, flow_count),
     .min = 1,
     .max = CONFIG_FLOWS_MAX,
     .table = &flow_table,
     .help = "What is shipped where. Each flow has files, rules for their lines, a queue and one "
             "destination."},
    END,
};
const struct schema_table schema_config = {config_fields, sizeof(struct config), false, 0};

const struct schema_field *schema_find(const struct schema_table *table, const char *name)
{
    for (const struct schema_field *field = table->fields; field->name != NULL; field++) {
        if (strcmp(field->name, name) == 0) {
            return field;
        }
    }
    return NULL;
}
