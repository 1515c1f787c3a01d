// Every kind of mistake with the exact message that a person gets.
#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "unit/config/loading.h"

struct mistake_case {
    const char *text;
    const char *message;
};

static const struct mistake_case cases[] = {
    {"", "a.yaml: flows: missing; name at least one flow: \"flows: [{name: web, files: [...], to: "
         "{...}}]\"\n"},
    {"# only a comment\n", "a.yaml: flows: missing; name at least one flow: \"flows: [{name: web, "
                           "files: [...], to: {...}}]\"\n"},
    {"a b c\n", "a.yaml:1:1: must be a map of settings, such as \"region: eu-west-1\"\n"},
    {"- a\n", "a.yaml:1:1: must be a map of settings, such as \"region: eu-west-1\"\n"},
    {"flows: [\n", "a.yaml:2:1: not YAML: did not find expected node content\n"},
    {"flows:\n\t- name: a\n", "a.yaml:2:1: a tab; YAML is indented with spaces only\n"},
    {"a: {b\n", "a.yaml:2:1: not YAML: did not find expected ',' or '}' (while parsing a flow "
                "mapping from line 1)\n"},
    {"a: %b\n", "a.yaml:1:4: a value that starts with '%' must be in quotes\n"},
    {"a: @b\n", "a.yaml:1:4: a value that starts with '@' must be in quotes\n"},
    {"a: *b\n", "a.yaml:1:4: no anchor &b before this alias; a value that starts with '*' must be "
                "in quotes\n"},
    {"flows: !!seq []\n", "a.yaml:1:8: tags (!name) mean nothing here; a value that starts with "
                          "'!' must be in quotes\n"},
    {"a: !x 1\n", "a.yaml:1:4: tags (!name) mean nothing here; a value that starts with '!' must "
                  "be in quotes\n"},
    {TOP "---\nflows: []\n", "a.yaml:2:1: a second document starts here; keep one a file\n"},
    {FLOW
     "---\nregion: eu-west-1\nflows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s}}\n",
     "a.yaml:6:1: a second document starts here; keep one a file\n"},
    {"a: \"\\0\"\n", "a.yaml:1:4: a NUL byte in a value\n"},
    {"? [a]\n: b\n", "a.yaml:1:3: a key must be a word; a value that starts with '{', '[' or '*' "
                     "must be in quotes\n"},
    {"a: &x [*x]\n", "a.yaml:1:8: an alias to a value that it is part of\n"},
    {"<<: 3\n", "a.yaml:1:1: \"<<\" must be followed by a map or a list of maps\n"},
    {"a: b: c\n", "a.yaml:1:5: not YAML: mapping values are not allowed in this context\n"},
    {"flows: 'unterminated\n", "a.yaml:2:1: not YAML: found unexpected end of stream (while "
                               "scanning a quoted scalar from line 1)\n"},
    {FLOW "regoin: eu-west-1\n", "a.yaml:6:1: regoin: unknown key; did you mean \"region\"?\n"},
    {FLOW "zzzzzzzzz: 1\n",
     "a.yaml:6:1: zzzzzzzzz: unknown key; known here: version, region, state_dir, status_socket, "
     "log_level, shutdown_timeout, queue, endpoints, tls, credentials, flows\n"},
    {FLOW "region: eu-west-1\n", "a.yaml:6:1: region: set twice; first in line 1\n"},
    {"flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s}}\n",
     "a.yaml: region: missing; write \"region: eu-west-1\" (or yours) at the top level, or set "
     "AWS_REGION in the environment\n"},
    {FLOW "version: 2\n", "a.yaml:6:10: version: out of range; must be 1, not 2\n"},
    {FLOW "version: one\n", "a.yaml:6:10: version: must be a whole number, not \"one\"\n"},
    {FLOW "state_dir: var/lib\n",
     "a.yaml:6:12: state_dir: must be an absolute path (start with '/')\n"},
    {FLOW "state_dir:\n",
     "a.yaml:6:11: state_dir: has no value; give it one, or leave the key out\n"},
    {FLOW "state_dir: [/a]\n", "a.yaml:6:12: state_dir: must be a single value, not a list\n"},
    {FLOW "state_dir: {a: b}\n", "a.yaml:6:12: state_dir: must be a single value, not a map\n"},
    {FLOW "status_socket: "
          "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          "xxxxxxxxxxxxxxxxxxxxx\n",
     "a.yaml:6:16: status_socket: must be at most 107 bytes, as the path of a socket\n"},
    {FLOW "log_level: inof\n", "a.yaml:6:12: log_level: must be one of error, warning, notice, "
                               "info, debug, not \"inof\"; did you mean \"info\"?\n"},
    {FLOW "shutdown_timeout: 10\n",
     "a.yaml:6:19: shutdown_timeout: must be a duration with its unit such as 10s, not \"10\"\n"},
    {FLOW "shutdown_timeout: 2h\n",
     "a.yaml:6:19: shutdown_timeout: out of range; must be 0ms to 1h, not 2h\n"},
    {FLOW "queue: 3\n", "a.yaml:6:8: queue: must be a map of settings: max_size, when_full, sync, "
                        "dead_letter, total_max, min_free\n"},
    {FLOW "queue: {max_size: 1KiB}\n",
     "a.yaml:6:19: queue.max_size: out of range; must be 4MiB to 16TiB, not 1KiB\n"},
    {FLOW "queue: {max_size: many}\n",
     "a.yaml:6:19: queue.max_size: must be a size such as 64MiB, not \"many\"\n"},
    {FLOW "queue: {max_size: 99999999TiB}\n",
     "a.yaml:6:19: queue.max_size: out of range; must be 4MiB to 16TiB, not 99999999TiB\n"},
    {FLOW "queue: {when_full: drop}\n",
     "a.yaml:6:20: queue.when_full: must be one of block, drop_oldest, not \"drop\"\n"},
    {FLOW "queue: {sync: alwayss}\n",
     "a.yaml:6:15: queue.sync: must be one of always, os, or a duration such as 10s, not "
     "\"alwayss\"; did you mean \"always\"?\n"},
    {FLOW "queue: {sync: 1ms}\n",
     "a.yaml:6:15: queue.sync: out of range; must be 10ms to 1h, not 1ms\n"},
    {FLOW "queue: {dead_letter: {max: 1MiB}}\n",
     "a.yaml:6:23: queue.dead_letter.max: unknown key; known here: max_size\n"},
    {FLOW "endpoints: {kinesis: ftp://x}\n", "a.yaml:6:22: endpoints.kinesis: must be a URL\n"},
    {FLOW "tls: {ca_file: ca.pem}\n",
     "a.yaml:6:16: tls.ca_file: must be an absolute path (start with '/')\n"},
    {FLOW "endpoint: Frankfurt\n",
     "a.yaml:6:1: endpoint: unknown key; did you mean \"endpoints\"?\n"},
    {FLOW "credentials: {access_key_id: A}\n",
     "a.yaml:6:14: credentials: access_key_id and secret_access_key go together; give both or "
     "none\n"},
    {FLOW "credentials: {session_token: A}\n",
     "a.yaml:6:14: credentials: session_token belongs to access_key_id and secret_access_key; give "
     "all three\n"},
    {FLOW "credentials: {profile: a, access_key_id: A, secret_access_key: B}\n",
     "a.yaml:6:14: credentials: either a profile or an access key, not both; remove one\n"},
    {FLOW "credentials: {access_key_id: A, secret_access_key: (hidden)}\n",
     "a.yaml:6:52: credentials.secret_access_key: is what a printed configuration shows in place "
     "of a secret; put the secret here, or ${VARIABLE}\n"},
    {"region: Frankfurt am Main\nflows: [{name: a, files: /a, to: {kinesis: {stream: s}}}]\n",
     "a.yaml:1:9: region: must be the name of a region such as eu-west-1\n"},
    {TOP, "a.yaml: flows: missing; name at least one flow: \"flows: [{name: web, files: [...], to: "
          "{...}}]\"\n"},
    {TOP "flows: []\n", "a.yaml: flows: missing; name at least one flow: \"flows: [{name: web, "
                        "files: [...], to: {...}}]\"\n"},
    {TOP "flows:\n", "a.yaml: flows: missing; name at least one flow: \"flows: [{name: web, files: "
                     "[...], to: {...}}]\"\n"},
    {TOP "flows: web\n", "a.yaml:2:8: flows: must be a list; start each flow with \"- name:\"\n"},
    {TOP "flows: {web: {files: /a}}\n",
     "a.yaml:2:8: flows: must be a list; start each flow with \"- name:\"\n"},
    {TOP "flows: [web]\n",
     "a.yaml:2:9: flows[0]: must be a map of settings: name, files, exclude, start_at, after_ship, "
     "compressed, "
     "compressed_max_size, poll_interval, close_after, ignore_older, open_files_max, encoding, "
     "invalid_bytes, line_ending, max_line, over_long, partial_line_timeout, multiline, convert, "
     "on_mismatch, filter, record_end, queue, batch, memory, to\n"},
    {TOP "flows: [{}]\n",
     "a.yaml:2:9: flows[0].name: missing; for example name: web\n"
     "a.yaml:2:9: flows[0].files: missing; for example files: [\"/var/log/nginx/access*.log\"]\n"
     "a.yaml:2:9: flows[0].to: missing; for example to: {kinesis: {stream: weblogs}}\n"},
    {TOP "flows:\n- name: Web\n  files: [/a]\n  to: {kinesis: {stream: s}}\n",
     "a.yaml:3:9: flows[0].name: must be 1 to 64 of a-z, 0-9, '_' and '-', and start with a letter "
     "or digit\n"},
    {TOP "flows:\n- name: -x\n  files: [/a]\n  to: {kinesis: {stream: s}}\n",
     "a.yaml:3:9: flows[0].name: must be 1 to 64 of a-z, 0-9, '_' and '-', and start with a letter "
     "or digit\n"},
    {TOP "flows:\n- namm: web\n  files: [/a]\n  to: {kinesis: {stream: s}}\n",
     "a.yaml:3:3: flows[0].namm: unknown key; did you mean \"name\"?\n"},
    {FLOW "- name: web\n  files: [/a]\n  to: {kinesis: {stream: s}}\n",
     "a.yaml:6:9: flows[1].name: \"web\" is also the name of the flow at a.yaml:3:9\n"},
    {TOP "flows:\n- name: web\n  files: []\n  to: {kinesis: {stream: s}}\n",
     "a.yaml:4:10: flows[0].files: must have at least 1 element, not 0\n"},
    {TOP "flows:\n- name: web\n  files: [a.log]\n  to: {kinesis: {stream: s}}\n",
     "a.yaml:4:11: flows[0].files[0]: must be an absolute path (start with '/')\n"},
    {TOP "flows:\n- name: web\n  files: [/a, {b: c}, ~]\n  to: {kinesis: {stream: s}}\n",
     "a.yaml:4:15: flows[0].files[1]: must be a text\n"
     "a.yaml:4:23: flows[0].files[2]: must be a text\n"},
    {TOP "flows:\n- name: web\n  files: {a: b}\n  to: {kinesis: {stream: s}}\n",
     "a.yaml:4:10: flows[0].files: must be a text\n"},
    {FLOW "  start_at: start\n",
     "a.yaml:6:13: flows[0].start_at: must be one of end, beginning, not \"start\"\n"},
    {FLOW "  open_files_max: 0\n",
     "a.yaml:6:19: flows[0].open_files_max: out of range; must be 1 to 1000000, not 0\n"},
    {FLOW "  open_files_max: -1\n",
     "a.yaml:6:19: flows[0].open_files_max: must be a whole number, not \"-1\"\n"},
    {FLOW "  open_files_max: 1.5\n",
     "a.yaml:6:19: flows[0].open_files_max: must be a whole number, not \"1.5\"\n"},
    {FLOW "  open_files_max: 010\n", "a.yaml:6:19: flows[0].open_files_max: must be a whole number "
                                     "without leading zeros, not \"010\"\n"},
    {FLOW "  close_after: 60\n", "a.yaml:6:16: flows[0].close_after: must be a duration with its "
                                 "unit such as 10s, not \"60\"\n"},
    {FLOW "  max_line: 20MiB\n",
     "a.yaml:6:13: flows[0].max_line: out of range; must be 16B to 10MiB, not 20MiB\n"},
    {FLOW "  encoding: latin-one\n", "a.yaml:6:13: flows[0].encoding: is not known\n"},
    {FLOW "  encoding: ''\n", "a.yaml:6:13: flows[0].encoding: is not known\n"},
    {FLOW "  encoding: latin1\n  invalid_bytes: keep\n",
     "a.yaml:7:18: flows[0].invalid_bytes: keep needs UTF-8, in which records are shipped; leave "
     "it "
     "out, and what is not valid latin1 becomes U+FFFD\n"},
    {FLOW "  encoding: latin1\n  line_ending: \"\u2028\"\n",
     "a.yaml:7:16: flows[0].line_ending: cannot be written\n"},
    {FLOW "  line_ending: CRLF\n", "a.yaml:6:16: flows[0].line_ending: is taken for the word "
                                   "\"CRLF\"; did you mean \"crlf\"?\n"},
    {FLOW "  line_ending: '\\r'\n",
     "a.yaml:6:16: flows[0].line_ending: holds a backslash; in double quotes \"\\r\\n\" would be a "
     "carriage return and a newline\n"},
    {FLOW "  line_ending: ''\n", "a.yaml:6:16: flows[0].line_ending: must not be empty\n"},
    {FLOW "  line_ending: 12345678901234567\n",
     "a.yaml:6:16: flows[0].line_ending: must be at most 16 bytes\n"},
    {FLOW "  line_ending: '1234567890'\n  max_line: 40\n",
     "a.yaml:7:13: flows[0].max_line: must be at least 44 with this line_ending\n"},
    {FLOW "  exclude: ['']\n", "a.yaml:6:13: flows[0].exclude[0]: must not be empty\n"},
    {FLOW "  multiline: {start: '^a', max_size: 512KiB}\n",
     "a.yaml:6:38: flows[0].multiline.max_size: 512KiB is less than one line may have (max_line: "
     "1MiB); raise it, or lower max_line\n"},
    {FLOW "  multiline: {max_lines: 3}\n",
     "a.yaml:6:14: flows[0].multiline: needs at least one of start, end, continue; for example "
     "start: '^\\d{4}-\\d{2}-\\d{2} '\n"},
    {FLOW "  multiline: {contineu: '^a'}\n",
     "a.yaml:6:15: flows[0].multiline.contineu: unknown key; did you mean \"continue\"?\n"},
    {FLOW "  multiline: {start: '^a', end: '^b', continue: '^b'}\n",
     "a.yaml:6:49: flows[0].multiline.continue: is the same as end, so that no record has more "
     "than two lines; remove one of them\n"},
    {FLOW "  multiline: {start: '^a', continue: '^a'}\n",
     "a.yaml:6:38: flows[0].multiline.continue: is the same as start; a line cannot begin a record "
     "and continue one, so remove one of them\n"},
    {FLOW "  multiline: {start: '^-', end: '^-'}\n",
     "a.yaml:6:33: flows[0].multiline.end: is the same as start, so that every such line is a "
     "record of its own; a line that only separates records is a start\n"},
    {FLOW "  multiline: {start: ''}\n",
     "a.yaml:6:22: flows[0].multiline.start: matches every line, so that each is a record of its "
     "own; leave multiline out\n"},
    {FLOW "  multiline: {start: a, end: ''}\n",
     "a.yaml:6:30: flows[0].multiline.end: matches every line, so that each is a record of its "
     "own; leave multiline out\n"},
    {FLOW "  multiline: {continue: ''}\n",
     "a.yaml:6:25: flows[0].multiline.continue: matches every line, so that a file is one record; "
     "name what the lines after the first have in common\n"},
    {FLOW "  multiline: '^a'\n", "a.yaml:6:14: flows[0].multiline: must be a map of settings: "
                                 "start, end, continue, max_lines, max_size, timeout\n"},
    {FLOW "  multiline: {start: '(a'}\n",
     "a.yaml:6:22: flows[0].multiline.start: is not a regular expression: missing )\n"},
    {FLOW "  convert: [{regex: '(a'}]\n",
     "a.yaml:6:21: flows[0].convert[0].regex: is not a regular expression: no named group\n"},
    {FLOW "  convert: [{preset: nginx}]\n",
     "a.yaml:6:22: flows[0].convert[0].preset: must be one of common, combined, not \"nginx\"\n"},
    {FLOW "  convert: [xml]\n", "a.yaml:6:13: flows[0].convert[0]: must be a map with exactly one "
                                "of preset, regex, csv, json\n"},
    {FLOW "  convert: [{csv: {}}]\n", "a.yaml:6:12: flows[0].convert: csv needs the names of its "
                                      "fields: header: true or names: [...]\n"},
    {FLOW "  convert: [csv]\n", "a.yaml:6:12: flows[0].convert: csv needs the names of its fields: "
                                "header: true or names: [...]\n"},
    {FLOW "  convert: [{csv: {header: yes}}]\n",
     "a.yaml:6:28: flows[0].convert[0].csv.header: must be true or false, not \"yes\"\n"},
    {FLOW "  convert: [{csv: {names: [a], delimiter: ab}}]\n",
     "a.yaml:6:43: flows[0].convert[0].csv.delimiter: must be one ASCII character, not \"ab\"\n"},
    {FLOW "  convert: [{csv: {names: [a], delimiter: '\"'}}]\n",
     "a.yaml:6:43: flows[0].convert[0].csv.delimiter: must be one ASCII character other than '\"' "
     "and those that end a line\n"},
    {FLOW "  convert: [{json: true, preset: common}]\n",
     "a.yaml:6:13: flows[0].convert[0]: must be a map with exactly one of preset, regex, csv, "
     "json\n"},
    {FLOW "  convert: [{json: false}]\n",
     "a.yaml:6:20: flows[0].convert[0].json: must be a map of settings: keep\n"},
    {FLOW "  convert: [{jsn: true}]\n",
     "a.yaml:6:14: flows[0].convert[0].jsn: unknown key; did you mean \"json\"?\n"},
    {FLOW "  convert: [preset]\n", "a.yaml:6:13: flows[0].convert[0]: must be a map with exactly "
                                   "one of preset, regex, csv, json\n"},
    {FLOW "  convert: [[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]\n",
     "a.yaml:6:25: nested too deeply\n"},
    {FLOW "  convert: [json, json, json, json, json, json, json, json, json, json, json, json, "
          "json, json, json, json, json]\n",
     "a.yaml:6:12: flows[0].convert: must have at most 16 elements, not 17\n"},
    {FLOW "  on_mismatch: ignore\n",
     "a.yaml:6:16: flows[0].on_mismatch: must be one of raw, drop, dead_letter, not \"ignore\"\n"},
    {FLOW "  filter: {include: '(a', exclud: b}\n",
     "a.yaml:6:21: flows[0].filter.include: is not a regular expression: missing )\n"
     "a.yaml:6:27: flows[0].filter.exclud: unknown key; did you mean \"exclude\"?\n"},
    {FLOW "  record_end: ''\n",
     "a.yaml:6:15: flows[0].record_end: must not be empty; write none\n"},
    {FLOW "  record_end: '\\n'\n", "a.yaml:6:15: flows[0].record_end: holds a backslash; in double "
                                   "quotes \"\\n\" would be a newline\n"},
    {FLOW "  record_end: 12345678901234567\n",
     "a.yaml:6:15: flows[0].record_end: must be at most 16 bytes\n"},
    {FLOW "  batch: {max_records: 501}\n",
     "a.yaml:6:24: flows[0].batch.max_records: out of range; must be 1 to 500, not 501\n"},
    {FLOW "  batch: {max_size: 11MiB}\n",
     "a.yaml:6:21: flows[0].batch.max_size: out of range; must be 1KiB to 10MiB, not 11MiB\n"},
    {FLOW "  batch: {max_delay: 1d}\n",
     "a.yaml:6:22: flows[0].batch.max_delay: out of range; must be 0ms to 15m, not 1d\n"},
    {FLOW "  memory: 1KiB\n",
     "a.yaml:6:11: flows[0].memory: out of range; must be 1MiB to 1GiB, not 1KiB\n"},
    {TOP
     "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s}, firehose: {stream: s}}\n",
     "a.yaml:5:7: flows[0].to: must be a map with exactly one of kinesis, firehose\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {}\n",
     "a.yaml:5:7: flows[0].to: must be a map with exactly one of kinesis, firehose\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: kinesis\n",
     "a.yaml:5:7: flows[0].to.kinesis.stream: missing; for example stream: weblogs\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: s3://bucket\n",
     "a.yaml:5:7: flows[0].to: must be a map with exactly one of kinesis, firehose\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: \n",
     "a.yaml:5:6: flows[0].to: must be a map with exactly one of kinesis, firehose\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n",
     "a.yaml:3:3: flows[0].to: missing; for example to: {kinesis: {stream: weblogs}}\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {steam: s}}\n",
     "a.yaml:5:18: flows[0].to.kinesis.steam: unknown key; did you mean \"stream\"?\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: 'a b'}}\n",
     "a.yaml:5:26: flows[0].to.kinesis.stream: must be 1 to 128 letters, digits, '_', '.' and "
     "'-'\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: "
         "'arn:aws:kinesis:eu-west-1:1:stream/s'}}\n",
     "a.yaml:5:26: flows[0].to.kinesis.stream: must be the name of the stream, not its ARN\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s, partition_key: randm}}\n",
     "a.yaml:5:44: flows[0].to.kinesis.partition_key: must be one of random, hash, or a map, not "
     "\"randm\"; did you mean \"random\"?\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s, partition_key: {feeld: "
         "a}}}\n",
     "a.yaml:5:45: flows[0].to.kinesis.partition_key.feeld: unknown key; did you mean "
     "\"field\"?\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s, partition_key: {field: "
         "''}}}\n",
     "a.yaml:5:52: flows[0].to.kinesis.partition_key.field: must not be empty\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s, partition_key: [a]}}\n",
     "a.yaml:5:44: flows[0].to.kinesis.partition_key: must be a single value, not a list\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s, wire: xml}}\n",
     "a.yaml:5:35: flows[0].to.kinesis.wire: must be one of auto, cbor, json, not \"xml\"\n"},
    {TOP
     "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s, max_record_size: 11MiB}}\n",
     "a.yaml:5:46: flows[0].to.kinesis.max_record_size: out of range; must be 1KiB to 10MiB, not "
     "11MiB\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s, endpoint: "
         "'localhost:4567'}}\n",
     "a.yaml:5:39: flows[0].to.kinesis.endpoint: must be a URL\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {firehose: {stream: s, partition_key: hash}}\n",
     "a.yaml:5:30: flows[0].to.firehose.partition_key: unknown key; known here: stream, region, "
     "endpoint\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesys: {stream: s}}\n",
     "a.yaml:5:8: flows[0].to.kinesys: unknown key; did you mean \"kinesis\"?\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {firehose: {stream: s}}\n  batch: {max_size: "
         "5MiB}\n",
     "a.yaml:6:21: flows[0].batch.max_size: out of range; Firehose takes at most 4MiB\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: s, stream: t}}\n",
     "a.yaml:5:29: flows[0].to.kinesis.stream: set twice; first in line 5\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: '${NOT_SET}'}}\n",
     "a.yaml:5:26: flows[0].to.kinesis.stream: the environment variable NOT_SET is not set; set "
     "it, or write ${NOT_SET:-value}\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: '${NOT SET}'}}\n",
     "a.yaml:5:26: flows[0].to.kinesis.stream: \"${\" must be ${NAME} or ${NAME:-value}; \"$${\" "
     "is a plain \"${\"\n"},
    {TOP "flows:\n- name: web\n  files: [/a]\n  to: {kinesis: {stream: '${STREAM'}}\n",
     "a.yaml:5:26: flows[0].to.kinesis.stream: \"${\" must be ${NAME} or ${NAME:-value}; \"$${\" "
     "is a plain \"${\"\n"},
    {FLOW "  filter: {exclude: 'a${2}'}\n",
     "a.yaml:6:21: flows[0].filter.exclude: \"${\" must be ${NAME} or ${NAME:-value}; \"$${\" is a "
     "plain \"${\"\n"},
    {FLOW "  open_files_max: '${STREAM}'\n",
     "a.yaml:6:19: flows[0].open_files_max: must be a whole number, not \"weblogs\"\n"},
    {"queue: {max_size: 39MiB}\n" TOP
     "flows:\n- {name: a, files: /a, to: {kinesis: {stream: s, max_record_size: 10MiB}}}\n",
     "a.yaml:4:3: flows[0].queue.max_size: 39MiB is too little for records of up to 10MiB; make it "
     "40MiB or more\n"},
};

START_TEST(each_mistake_is_named_with_its_place_and_mend)
{
    const struct mistake_case *mistake = &cases[_i];
    ck_assert_str_eq(mistakes_in(mistake->text), mistake->message);
}
END_TEST

static int load_error(void)
{
    struct config *config = NULL;
    buf_clear(&report);
    int error = load_with(environment, &config);
    ck_assert_ptr_null(config);
    return error;
}

START_TEST(a_main_file_that_is_not_there_is_an_error_of_its_own)
{
    ck_assert_int_eq(load_error(), -ENOENT);
    ck_assert_str_eq(mistakes(), "a.yaml: cannot be read: No such file or directory\n");
}
END_TEST

START_TEST(a_directory_in_place_of_the_file_is_refused)
{
    char *path = xasprintf("%s/a.yaml", dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    free(path);
    ck_assert_int_eq(load_error(), -EISDIR);
    ck_assert_str_eq(mistakes(), "a.yaml: a directory; name a file in it\n");
}
END_TEST

START_TEST(a_pipe_in_place_of_the_file_is_refused_and_not_waited_for)
{
    char *path = xasprintf("%s/a.yaml", dir);
    ck_assert_int_eq(mkfifo(path, 0700), 0);
    free(path);
    ck_assert_int_lt(load_error(), 0);
    ck_assert_str_eq(mistakes(), "a.yaml: a pipe or device; only files can be read\n");
}
END_TEST

START_TEST(a_file_in_place_of_the_drop_in_directory_is_refused)
{
    write_text("a.yaml", FLOW);
    write_text("conf.d", "");
    ck_assert_int_eq(load_error(), E_CONFIG);
    ck_assert_str_eq(mistakes(), "conf.d: cannot be read: Not a directory\n");
}
END_TEST

static void expect_quickly(const char *text, size_t size, const char *message)
{
    struct timespec start;
    struct timespec end;
    write_file("a.yaml", text, size);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    ck_assert_int_lt(load_error(), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    ck_assert_str_eq(mistakes(), message);
    ck_assert_int_lt((int)(end.tv_sec - start.tv_sec), 2);
}

static char *repeated(const char *part, size_t count)
{
    size_t length = strlen(part);
    char *text = xmalloc(length * count + 1);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * length, part, length);
    }
    text[length * count] = '\0';
    return text;
}

START_TEST(ten_megabytes_of_nesting_are_refused_at_once)
{
    enum { SIZE = 10 << 20 };
    char *text = repeated("[", SIZE);
    expect_quickly(text, SIZE, "a.yaml: larger than 1MiB, which no configuration needs\n");
    expect_quickly(text, 1 << 20, "a.yaml:1:17: nested too deeply\n");
    free(text);
    text = repeated("{a: ", 100000);
    expect_quickly(text, 400000, "a.yaml:1:65: nested too deeply\n");
    free(text);
    text = repeated("- ", 100000);
    expect_quickly(text, 200000, "a.yaml:1:33: nested too deeply\n");
    free(text);
}
END_TEST

START_TEST(aliases_that_unfold_to_millions_are_refused_at_once)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_append_text(&text, "a0: &a0 [x]\n");
    for (int i = 1; i < 10; i++) {
        buf_appendf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++) {
            buf_appendf(&text, "*a%d,", i - 1);
        }
        buf_append_text(&text, "]\n");
    }
    expect_quickly(buf_text(&text), text.size,
                   "a.yaml:6:26: too many values in one file; move flows to files in conf.d\n");
    buf_deinit(&text);
}
END_TEST

START_TEST(many_keys_values_and_anchors_are_refused_at_once)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 60000; i++) {
        buf_appendf(&text, "k%d: 1\n", i);
    }
    expect_quickly(buf_text(&text), text.size, "a.yaml:257:1: too many keys in one map\n");
    buf_clear(&text);
    for (int i = 0; i < 101; i++) {
        buf_appendf(&text, "- &a%d 1\n", i);
    }
    expect_quickly(buf_text(&text), text.size,
                   "a.yaml:101:3: too many anchors (&name) in one file\n");
    buf_deinit(&text);
    char *many = repeated("- 1\n", 200000);
    expect_quickly(many, 800000,
                   "a.yaml:100000:3: too many values in one file; move flows to files in conf.d\n");
    free(many);
}
END_TEST

START_TEST(merges_are_limited)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_append_text(&text, "a: &a {b: 1}\n");
    for (int i = 0; i < 1001; i++) {
        buf_append_text(&text, "<<: *a\n");
    }
    expect_quickly(buf_text(&text), text.size, "a.yaml:1:1: too many merges (<<) in one file\n");
    buf_deinit(&text);
}
END_TEST

START_TEST(a_value_of_more_than_16_kib_is_refused)
{
    char *text = repeated("x", 17000);
    expect_quickly(text, 17000, "a.yaml:1:1: a value of more than 16 KiB\n");
    free(text);
}
END_TEST

START_TEST(bytes_that_are_not_utf8_are_named_with_their_place)
{
    expect_quickly("a: b\nc\xc3\xa9: \xff\n", 12,
                   "a.yaml:2:5: not UTF-8 (byte 0xff); save the file as UTF-8\n");
    expect_quickly("\xff\xfe"
                   "a\0",
                   4, "a.yaml:1:1: not UTF-8 (byte 0xff); save the file as UTF-8\n");
}
END_TEST

START_TEST(control_characters_are_refused)
{
    expect_quickly("a: b\001\n", 6,
                   "a.yaml: not YAML: control characters are not allowed, at byte 4\n");
}
END_TEST

START_TEST(what_a_file_holds_cannot_break_the_lines_of_the_report)
{
    ck_assert_str_eq(mistakes_in(FLOW "\"a\\nb\\e\": 1\n"),
                     "a.yaml:6:1: a?b?: unknown key; known here: version, region, state_dir, "
                     "status_socket, log_level, shutdown_timeout, queue, endpoints, tls, "
                     "credentials, flows\n");
}
END_TEST

START_TEST(fifty_mistakes_are_shown_and_the_rest_is_counted)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    buf_append_text(&text, FLOW);
    for (int i = 0; i < 60; i++) {
        buf_appendf(&text, "zzzzzzz%d: 1\n", i);
    }
    const char *all = mistakes_in(buf_text(&text));
    size_t lines = 0;
    for (const char *at = all; *at != '\0'; at++) {
        lines += *at == '\n' ? 1 : 0;
    }
    ck_assert_uint_eq(lines, 51);
    ck_assert_ptr_nonnull(strstr(all, "\nand 10 more\n"));
    buf_deinit(&text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("mistakes");
    TCase *tcase = tcase_create("mistakes");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, each_mistake_is_named_with_its_place_and_mend, 0,
                        (int)ARRAY_COUNT(cases));
    tcase_add_test(tcase, a_main_file_that_is_not_there_is_an_error_of_its_own);
    tcase_add_test(tcase, a_directory_in_place_of_the_file_is_refused);
    tcase_add_test(tcase, a_pipe_in_place_of_the_file_is_refused_and_not_waited_for);
    tcase_add_test(tcase, a_file_in_place_of_the_drop_in_directory_is_refused);
    tcase_add_test(tcase, ten_megabytes_of_nesting_are_refused_at_once);
    tcase_add_test(tcase, aliases_that_unfold_to_millions_are_refused_at_once);
    tcase_add_test(tcase, many_keys_values_and_anchors_are_refused_at_once);
    tcase_add_test(tcase, merges_are_limited);
    tcase_add_test(tcase, a_value_of_more_than_16_kib_is_refused);
    tcase_add_test(tcase, bytes_that_are_not_utf8_are_named_with_their_place);
    tcase_add_test(tcase, control_characters_are_refused);
    tcase_add_test(tcase, what_a_file_holds_cannot_break_the_lines_of_the_report);
    tcase_add_test(tcase, fifty_mistakes_are_shown_and_the_rest_is_counted);
    suite_add_tcase(suite, tcase);
    return suite;
}
