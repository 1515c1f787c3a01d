#include "sandbox/operations.h"

static const struct operation operations[] = {
    {API_KINESIS, "CreateStream", op_create_stream, create_stream_members, 5},
    {API_KINESIS, "DeleteStream", op_delete_stream, stream_members, 5},
    {API_KINESIS, "DescribeLimits", op_describe_limits, no_members, 1},
    {API_KINESIS, "DescribeStream", op_describe_stream, describe_stream_members, 10},
    {API_KINESIS, "DescribeStreamSummary", op_describe_stream_summary, stream_members, 20},
    {API_KINESIS, "ListStreams", op_list_streams, list_streams_members, 5},
    {API_KINESIS, "ListShards", op_list_shards, list_shards_members, 1000},
    {API_KINESIS, "IncreaseStreamRetentionPeriod", op_change_retention, retention_members, 5},
    {API_KINESIS, "DecreaseStreamRetentionPeriod", op_change_retention, retention_members, 5},
    {API_KINESIS, "SplitShard", op_split_shard, split_shard_members, 5},
    {API_KINESIS, "MergeShards", op_merge_shards, merge_shards_members, 5},
    {API_KINESIS, "UpdateShardCount", op_update_shard_count, update_shard_count_members, 5},
    {API_KINESIS, "PutRecord", op_put_record, NULL, 0},
    {API_KINESIS, "PutRecords", op_put_records, NULL, 0},
    {API_KINESIS, "GetShardIterator", op_get_shard_iterator, get_shard_iterator_members, 0},
    {API_KINESIS, "GetRecords", op_get_records, get_records_members, 0},
    {API_FIREHOSE, "CreateDeliveryStream", op_create_delivery_stream,
     create_delivery_stream_members, 5},
    {API_FIREHOSE, "DeleteDeliveryStream", op_delete_delivery_stream, delivery_stream_members, 5},
    {API_FIREHOSE, "DescribeDeliveryStream", op_describe_delivery_stream,
     describe_delivery_stream_members, 5},
    {API_FIREHOSE, "ListDeliveryStreams", op_list_delivery_streams, list_delivery_streams_members,
     5},
    {API_FIREHOSE, "PutRecord", op_firehose_put_record, NULL, 0},
    {API_FIREHOSE, "PutRecordBatch", op_firehose_put_record_batch, NULL, 0},
};

const struct operation *operation_find(enum api api, struct slice name)
{
    for (size_t i = 0; i < ARRAY_COUNT(operations); i++) {
        if (operations[i].api == api && slice_equal_text(name, operations[i].name)) {
            return &operations[i];
        }
    }
    return NULL;
}

unsigned operation_number(const struct operation *operation)
{
    return (unsigned)(operation - operations);
}

const struct operation *operation_at(unsigned number)
{
    return number < ARRAY_COUNT(operations) ? &operations[number] : NULL;
}
