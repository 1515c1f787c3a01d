// The operations, one function each. The tables of their members are beside them.
#pragma once

#include "sandbox/call.h"

op_fn op_create_stream;
op_fn op_delete_stream;
op_fn op_describe_stream;
op_fn op_describe_stream_summary;
op_fn op_describe_limits;
op_fn op_list_streams;
op_fn op_list_shards;
op_fn op_change_retention;
op_fn op_split_shard;
op_fn op_merge_shards;
op_fn op_update_shard_count;
op_fn op_put_record;
op_fn op_put_records;
op_fn op_get_shard_iterator;
op_fn op_get_records;

op_fn op_create_delivery_stream;
op_fn op_delete_delivery_stream;
op_fn op_describe_delivery_stream;
op_fn op_list_delivery_streams;
op_fn op_firehose_put_record;
op_fn op_firehose_put_record_batch;

extern const struct member create_stream_members[];
extern const struct member stream_members[];
extern const struct member describe_stream_members[];
extern const struct member list_streams_members[];
extern const struct member list_shards_members[];
extern const struct member retention_members[];
extern const struct member split_shard_members[];
extern const struct member merge_shards_members[];
extern const struct member update_shard_count_members[];
extern const struct member get_shard_iterator_members[];
extern const struct member get_records_members[];
extern const struct member no_members[];

extern const struct member create_delivery_stream_members[];
extern const struct member delivery_stream_members[];
extern const struct member describe_delivery_stream_members[];
extern const struct member list_delivery_streams_members[];

// Members that several operations of Data Streams share.
#define MEMBER_STREAM_NAME                                                                         \
    {                                                                                              \
        .name = "StreamName", .kind = MEMBER_STRING, .min = 1, .max = 128, .pattern = PATTERN_NAME \
    }
#define MEMBER_STREAM_ARN                                                  \
    {                                                                      \
        .name = "StreamARN", .kind = MEMBER_STRING, .min = 1, .max = 2048, \
        .pattern = PATTERN_STREAM_ARN                                      \
    }
#define MEMBER_SHARD_ID(member_name)                                                          \
    {                                                                                         \
        .name = (member_name), .kind = MEMBER_STRING, .required = true, .min = 1, .max = 128, \
        .pattern = PATTERN_NAME                                                               \
    }
