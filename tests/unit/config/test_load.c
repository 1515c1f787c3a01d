#include "unit/config/loading.h"

START_TEST(the_sample_of_the_design_loads)
{
    struct config *config =
        load_text("version: 1\n"
                  "region: eu-west-1\n"
                  "state_dir: /var/lib/kintail\n"
                  "queue: { max_size: 1GiB, when_full: block, sync: 1s }\n"
                  "endpoints: { kinesis: \"http://127.0.0.1:4567\" }\n"
                  "tls: { ca_file: /etc/ssl/private-ca.pem }\n"
                  "flows:\n"
                  "  - name: web\n"
                  "    files: [\"/var/log/nginx/access*.log\"]\n"
                  "    exclude: [\"*.gz\"]\n"
                  "    start_at: end\n"
                  "    multiline: { start: '^\\[' }\n"
                  "    convert: [ { preset: combined } ]\n"
                  "    on_mismatch: raw\n"
                  "    batch: { max_records: 500, max_size: 1MiB, max_delay: 1s }\n"
                  "    to: { kinesis: { stream: weblogs, partition_key: random } }\n"
                  "  - name: audit\n"
                  "    files: [\"/var/log/audit/**/*.json\"]\n"
                  "    to: { firehose: { stream: audit } }\n");
    ck_assert_uint_eq(config->flow_count, 2);
    const struct flow_config *web = &config->flows[0];
    ck_assert_str_eq(web->name, "web");
    ck_assert_str_eq(web->source.files.items[0], "/var/log/nginx/access*.log");
    ck_assert_str_eq(web->record.multiline.start, "^\\[");
    ck_assert_str_eq(web->record.converters[0].preset, "combined");
    ck_assert_int_eq(web->record.converters[0].kind, CONVERTER_PRESET);
    ck_assert_uint_eq(web->batch.max_delay_ms, 1000);
    ck_assert_str_eq(web->to.stream, "weblogs");
    ck_assert_str_eq(web->to.region, "eu-west-1");
    ck_assert_str_eq(web->to.endpoint, "http://127.0.0.1:4567");
    ck_assert_int_eq(config->flows[1].to.service, SERVICE_FIREHOSE);
    ck_assert_ptr_null(config->flows[1].to.endpoint);
    ck_assert_uint_eq(config->flows[1].to.max_record_size, 1024000);
    config_free(config);
}
END_TEST

START_TEST(a_setting_that_is_not_there_has_its_default)
{
    struct config *config = load_text(FLOW);
    const struct flow_config *flow = &config->flows[0];
    ck_assert_str_eq(config->state_dir, "/var/lib/kintail");
    ck_assert_uint_eq(config->shutdown_timeout_ms, 10000);
    ck_assert_uint_eq(flow->source.start_at, START_AT_END);
    ck_assert_uint_eq(flow->source.close_after_ms, 60000);
    ck_assert_uint_eq(flow->record.lines.max_line, 1 << 20);
    ck_assert_ptr_null(flow->record.multiline.start);
    ck_assert_str_eq(flow->record.record_end, "\n");
    ck_assert_uint_eq(flow->queue.max_size, 1 << 30);
    ck_assert_uint_eq(flow->queue.sync, SYNC_INTERVAL);
    ck_assert_uint_eq(flow->queue.sync_interval_ms, 1000);
    ck_assert_uint_eq(flow->queue.dead_letter_max_size, 256 << 20);
    ck_assert_uint_eq(flow->batch.max_records, 500);
    ck_assert_uint_eq(flow->to.wire, WIRE_AUTO);
    ck_assert_uint_eq(flow->to.max_record_size, 1 << 20);
    ck_assert_uint_eq(flow->memory, 8 << 20);
    config_free(config);
}
END_TEST

START_TEST(a_flow_inherits_the_queue_and_changes_parts_of_it)
{
    struct config *config =
        load_text("queue: {max_size: 64MiB, sync: always}\n" FLOW "  queue: {sync: os}\n"
                  "- {name: b, files: /b, to: {firehose: {stream: s}}}\n");
    ck_assert_uint_eq(config->queue.max_size, 64 << 20);
    ck_assert_uint_eq(config->flows[0].queue.max_size, 64 << 20);
    ck_assert_int_eq(config->flows[0].queue.sync, SYNC_OS);
    ck_assert_int_eq(config->flows[1].queue.sync, SYNC_ALWAYS);
    config_free(config);
}
END_TEST

START_TEST(converters_have_short_and_long_forms)
{
    struct config *config = load_text(FLOW "  convert:\n"
                                           "  - json\n"
                                           "  - json: true\n"
                                           "  - json: {keep: [a, b.c]}\n"
                                           "  - csv: {names: [x], delimiter: tab}\n"
                                           "  - csv: {header: true, delimiter: \";\"}\n"
                                           "  - regex: '(?<a>.)'\n");
    const struct converter_config *converters = config->flows[0].record.converters;
    ck_assert_uint_eq(config->flows[0].record.converter_count, 6);
    ck_assert_int_eq(converters[0].kind, CONVERTER_JSON);
    ck_assert_int_eq(converters[1].kind, CONVERTER_JSON);
    ck_assert_str_eq(converters[2].keep.items[1], "b.c");
    ck_assert_int_eq(converters[3].delimiter, '\t');
    ck_assert_int_eq(converters[4].delimiter, ';');
    ck_assert(converters[4].header);
    ck_assert_str_eq(converters[5].pattern, "(?<a>.)");
    config_free(config);
}
END_TEST

START_TEST(partition_keys_are_words_or_a_field)
{
    struct config *config = load_text(
        TOP "flows:\n"
            "- {name: a, files: /a, to: {kinesis: {stream: s, partition_key: hash}}}\n"
            "- {name: b, files: /a, to: {kinesis: {stream: s, partition_key: {field: u.id}}}}\n");
    ck_assert_int_eq(config->flows[0].to.partition_key, PARTITION_KEY_HASH);
    ck_assert_int_eq(config->flows[1].to.partition_key, PARTITION_KEY_FIELD);
    ck_assert_str_eq(config->flows[1].to.partition_key_field, "u.id");
    config_free(config);
}
END_TEST

START_TEST(variables_are_put_into_values)
{
    struct config *config = load_text(TOP "flows:\n- name: web\n  files: /a/${NOT_SET:-x}/$${y}\n"
                                          "  to: {kinesis: {stream: \"${STREAM}\"}}\n");
    ck_assert_str_eq(config->flows[0].to.stream, "weblogs");
    ck_assert_str_eq(config->flows[0].source.files.items[0], "/a/x/${y}");
    config_free(config);
}
END_TEST

START_TEST(the_region_may_come_from_the_environment)
{
    struct config *config = NULL;
    write_text("a.yaml", "flows: [{name: a, files: /a, to: {kinesis: {stream: s}}}]\n");
    ck_assert_int_eq(load_with(environment_with_region, &config), 0);
    ck_assert_str_eq(config->flows[0].to.region, "us-east-2");
    config_free(config);
}
END_TEST

static const char *environment_with_bad_region(const char *name)
{
    return strcmp(name, "AWS_REGION") == 0 ? "Ireland, please" : NULL;
}

START_TEST(a_region_in_the_environment_is_checked_like_any)
{
    struct config *config = NULL;
    write_text("a.yaml", "flows: [{name: a, files: /a, to: {kinesis: {stream: s}}}]\n");
    ck_assert_int_eq(load_with(environment_with_bad_region, &config), E_CONFIG);
    ck_assert_str_eq(mistakes(), "a.yaml: region: AWS_REGION in the environment must be the name "
                                 "of a region such as eu-west-1\n");
}
END_TEST

START_TEST(flows_that_all_name_their_region_need_no_other)
{
    struct config *config =
        load_text("flows: [{name: a, files: /a, to: {kinesis: {stream: s, region: eu-west-3}}}]\n");
    ck_assert_ptr_null(config->region);
    ck_assert_str_eq(config->flows[0].to.region, "eu-west-3");
    config_free(config);
}
END_TEST

START_TEST(aliases_and_merge_keys_share_settings_between_flows)
{
    struct config *config = load_text(
        TOP "flows:\n"
            "- &web {name: web, files: /a, memory: 2MiB, to: &to {kinesis: {stream: s}}}\n"
            "- {<<: *web, name: b}\n"
            "- {name: c, files: /c, to: *to}\n");
    ck_assert_uint_eq(config->flow_count, 3);
    ck_assert_str_eq(config->flows[1].name, "b");
    ck_assert_uint_eq(config->flows[1].memory, 2 << 20);
    ck_assert_str_eq(config->flows[2].to.stream, "s");
    config_free(config);
}
END_TEST

static void make_dropin_dir(void)
{
    char *path = xasprintf("%s/conf.d", dir);
    ck_assert_int_eq(io_mkdir_all(io_posix(), path, 0700), 0);
    free(path);
}

START_TEST(drop_ins_add_flows_and_change_settings_in_the_order_of_their_names)
{
    make_dropin_dir();
    write_text("conf.d/20.yaml", "shutdown_timeout: 30s\n"
                                 "flows: [{name: c, files: /c, to: {kinesis: {stream: s}}}]\n");
    write_text("conf.d/10.yaml",
               "shutdown_timeout: 20s\nqueue: {sync: os, dead_letter: {max_size: 2MiB}}\n"
               "flows: [{name: b, files: /b, to: {kinesis: {stream: s}}}]\n");
    write_text("conf.d/30.yaml", "# nothing\n");
    write_text("conf.d/40.yaml.old", "not read");
    struct config *config = load_text("queue: {max_size: 5MiB}\n" FLOW);
    ck_assert_uint_eq(config->flow_count, 3);
    ck_assert_str_eq(config->flows[1].name, "b");
    ck_assert_str_eq(config->flows[2].name, "c");
    ck_assert_uint_eq(config->shutdown_timeout_ms, 30000);
    ck_assert_uint_eq(config->queue.max_size, 5 << 20);
    ck_assert_int_eq(config->queue.sync, SYNC_OS);
    ck_assert_uint_eq(config->flows[0].queue.dead_letter_max_size, 2 << 20);
    config_free(config);
}
END_TEST

START_TEST(a_map_without_content_in_a_drop_in_changes_nothing)
{
    make_dropin_dir();
    write_text("conf.d/b.yaml", "queue:\n  # sync: always\n");
    struct config *config = load_text("queue: {max_size: 5MiB}\n" FLOW);
    ck_assert_uint_eq(config->queue.max_size, 5 << 20);
    config_free(config);
}
END_TEST

START_TEST(all_flows_may_be_in_drop_ins)
{
    make_dropin_dir();
    write_text("conf.d/b.yaml", FLOW);
    struct config *config = load_text("# only drop-ins\n");
    ck_assert_uint_eq(config->flow_count, 1);
    config_free(config);
}
END_TEST

START_TEST(one_name_in_two_files_names_both)
{
    make_dropin_dir();
    write_text("conf.d/b.yaml", "flows:\n  - name: web\n    files: /b\n"
                                "    to: {kinesis: {stream: s}}\n");
    char *expected = xasprintf("conf.d/b.yaml:2:11: flows[0].name: \"web\" is also the name of the "
                               "flow at a.yaml:3:9\n");
    ck_assert_str_eq(mistakes_in(FLOW), expected);
    free(expected);
}
END_TEST

START_TEST(mistakes_of_all_files_come_in_one_run)
{
    make_dropin_dir();
    write_text("conf.d/b.yaml", "flows: [\n");
    write_text("conf.d/c.yaml", "flows: 3\nmemory: 1\n");
    ck_assert_str_eq(
        mistakes_in(FLOW "regoin: x\nlog_level: loud\n"),
        "a.yaml:6:1: regoin: unknown key; did you mean \"region\"?\n"
        "a.yaml:7:12: log_level: must be one of error, warning, notice, info, debug, not \"loud\"\n"
        "conf.d/b.yaml:2:1: not YAML: did not find expected node content\n"
        "conf.d/c.yaml:1:8: flows: must be a list; start each flow with \"- name:\"\n"
        "conf.d/c.yaml:2:1: memory: unknown key; known here: version, region, state_dir, "
        "status_socket, log_level, shutdown_timeout, queue, endpoints, tls, credentials, flows\n");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("load");
    TCase *tcase = tcase_create("load");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_sample_of_the_design_loads);
    tcase_add_test(tcase, a_setting_that_is_not_there_has_its_default);
    tcase_add_test(tcase, a_flow_inherits_the_queue_and_changes_parts_of_it);
    tcase_add_test(tcase, converters_have_short_and_long_forms);
    tcase_add_test(tcase, partition_keys_are_words_or_a_field);
    tcase_add_test(tcase, variables_are_put_into_values);
    tcase_add_test(tcase, the_region_may_come_from_the_environment);
    tcase_add_test(tcase, a_region_in_the_environment_is_checked_like_any);
    tcase_add_test(tcase, flows_that_all_name_their_region_need_no_other);
    tcase_add_test(tcase, aliases_and_merge_keys_share_settings_between_flows);
    tcase_add_test(tcase, drop_ins_add_flows_and_change_settings_in_the_order_of_their_names);
    tcase_add_test(tcase, a_map_without_content_in_a_drop_in_changes_nothing);
    tcase_add_test(tcase, all_flows_may_be_in_drop_ins);
    tcase_add_test(tcase, one_name_in_two_files_names_both);
    tcase_add_test(tcase, mistakes_of_all_files_come_in_one_run);
    suite_add_tcase(suite, tcase);
    return suite;
}
