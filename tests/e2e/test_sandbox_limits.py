"""The quotas of kintail-sandbox: per shard and second, per record, per call, per account."""

import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from support.sandbox import ACCOUNT
from support.sign import b64, call_json
from support.waiting import wait_until

THROTTLED = "ProvisionedThroughputExceededException"
TOP = 2**128 - 1


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def records(count, data=b"x", hash_key="0"):
    return [{"Data": data, "PartitionKey": "k", "ExplicitHashKey": hash_key} for _ in range(count)]


def test_a_shard_takes_a_thousand_records_in_a_burst_and_then_a_thousand_a_second(sandbox):
    client = sandbox.client()
    results = []
    for _ in range(4):
        results += client.put_records(StreamName="demo", Records=records(500))["Records"]
    refused = [r for r in results if "ErrorCode" in r]
    # A thousand fit into the bucket; what time passed meanwhile lets some more in.
    assert 1 <= len(refused) <= 1000
    assert refused[0] == {
        "ErrorCode": THROTTLED,
        "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream demo under account "
                        f"{ACCOUNT}."}
    assert all("ErrorCode" not in r for r in results[:1000])
    other = client.put_records(StreamName="demo", Records=records(500, hash_key=str(TOP)))
    assert other["FailedRecordCount"] == 0
    status = sandbox.stream_status()
    assert status["records"] == 2500 - len(refused) and status["throttled"] == len(refused)
    assert sandbox.status()["refused"][THROTTLED] == len(refused)


def test_a_shard_takes_a_mebibyte_a_second_and_the_first_records_of_a_call_win(sandbox):
    client = sandbox.client()
    answer = client.put_records(StreamName="demo", Records=records(9, b"x" * 250_000))
    outcomes = ["ErrorCode" in r for r in answer["Records"]]
    assert outcomes == [False] * 4 + [True] * 5
    assert answer["FailedRecordCount"] == 5


def test_a_throttled_single_record_is_an_error_of_the_call(sandbox):
    client = sandbox.client()
    client.put_records(StreamName="demo", Records=records(4, b"x" * 260_000))
    assert code_of(client.put_record, StreamName="demo", Data=b"x" * 260_000, PartitionKey="k",
                   ExplicitHashKey="0") == THROTTLED


def test_the_rate_of_one_shard_can_be_lowered_while_it_runs(sandbox):
    client = sandbox.client()
    sandbox.limits(stream="demo", shard="shardId-000000000001", write_records_per_s=5)
    low = str(2**126 + 1)
    answer = client.put_records(StreamName="demo", Records=records(50) + records(50, hash_key=low))
    shards = [("ErrorCode" in r) for r in answer["Records"]]
    assert not any(shards[:50]) and 40 <= sum(shards[50:]) <= 45
    sandbox.limits(write=False)
    assert client.put_records(
        StreamName="demo", Records=records(500, hash_key=low))["FailedRecordCount"] == 0


def test_a_bad_limit_is_refused_and_changes_nothing(sandbox):
    for document in ({"nix": True}, {"write": 1}, {"write": False, "write_bytes_per_s": -1},
                     {"write": False, "stream": "nix", "write_bytes_per_s": 1}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            sandbox.limits(**document)
        assert caught.value.code == 400 and b"error" in caught.value.read()
    assert sandbox.control("limits")["write"] is True


def test_a_shard_is_read_five_times_a_second(sandbox):
    client = sandbox.client()
    iterator = client.get_shard_iterator(
        StreamName="demo", ShardId="shardId-000000000000", ShardIteratorType="LATEST",
    )["ShardIterator"]
    codes = [call_json(sandbox, "GetRecords", {"ShardIterator": iterator})[0] for _ in range(9)]
    assert codes[:5] == [200] * 5 and 400 in codes[5:]
    # It recovers by itself.
    wait_until(lambda: call_json(sandbox, "GetRecords", {"ShardIterator": iterator})[0] == 200, 5)


def test_a_large_answer_makes_the_shard_wait(make_sandbox):
    sandbox = make_sandbox("--stream", "demo:1", "--no-limits=write")
    client = sandbox.client()
    for _ in range(2):
        client.put_records(StreamName="demo", Records=records(7, b"x" * 1_000_000))
    iterator = client.get_shard_iterator(
        StreamName="demo", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON",
    )["ShardIterator"]
    answer = client.get_records(ShardIterator=iterator)
    assert sum(len(r["Data"]) for r in answer["Records"]) <= 10 << 20
    assert len(answer["Records"]) == 10
    assert code_of(client.get_records, ShardIterator=answer["NextShardIterator"]) == THROTTLED
    sandbox.limits(read=False)
    assert len(client.get_records(ShardIterator=answer["NextShardIterator"])["Records"]) == 4


def test_a_call_takes_500_records(sandbox):
    client = sandbox.client()
    assert client.put_records(StreamName="demo", Records=records(500))["FailedRecordCount"] == 0
    assert code_of(client.put_records, StreamName="demo", Records=records(501)) == \
        "ValidationException"
    status, answer = call_json(sandbox, "PutRecords", {"StreamName": "demo", "Records": []})
    assert status == 400 and "greater than or equal to 1" in answer["message"]


def test_a_record_takes_a_mebibyte_with_its_key(sandbox):
    sandbox.limits(write=False)
    client = sandbox.client()
    good = {"Data": b"x" * ((1 << 20) - 1), "PartitionKey": "k"}
    bad = {"Data": b"x" * (1 << 20), "PartitionKey": "k"}
    assert client.put_records(StreamName="demo", Records=[good])["FailedRecordCount"] == 0
    with pytest.raises(ClientError) as caught:
        client.put_records(StreamName="demo", Records=[good, bad])
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert "'records.2.member.data' failed to satisfy constraint: Member must have length less " \
        "than or equal to 1048576" in error["Message"]
    assert sandbox.stream_status()["records"] == 1


def test_a_call_takes_ten_mebibytes(sandbox):
    sandbox.limits(write=False)
    client = sandbox.client()
    exact = records(10, b"x" * ((1 << 20) - 1))
    assert client.put_records(StreamName="demo", Records=exact)["FailedRecordCount"] == 0
    assert code_of(client.put_records, StreamName="demo", Records=exact + records(1, b"")) == \
        "InvalidArgumentException"


def test_a_stream_may_take_larger_records(sandbox):
    client = sandbox.client(retries=True)
    assert call_json(sandbox, "CreateStream", {
        "StreamName": "large", "ShardCount": 1, "MaxRecordSizeInKiB": 2048})[0] == 200
    wait_until(lambda: client.describe_stream_summary(StreamName="large")[
        "StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE", 10, every=0.1)
    data = b64(b"x" * (2 << 20) )
    assert call_json(sandbox, "PutRecord", {
        "StreamName": "large", "PartitionKey": "k", "Data": data})[0] == 400
    assert call_json(sandbox, "PutRecord", {
        "StreamName": "large", "PartitionKey": "k", "Data": b64(b"x" * 2_000_000)})[0] == 200
    assert call_json(sandbox, "CreateStream", {
        "StreamName": "huge", "MaxRecordSizeInKiB": 10241})[1]["__type"] == "ValidationException"


@pytest.mark.parametrize("key, status", [
    ("", 400), ("k" * 256, 200), ("k" * 257, 400), ("日" * 256, 200), ("日" * 257, 400),
    ("🐟" * 128, 200), ("🐟" * 129, 400)])
def test_a_partition_key_has_at_most_256_units(sandbox, key, status):
    got, answer = call_json(sandbox, "PutRecord", {
        "StreamName": "demo", "PartitionKey": key, "Data": "eA=="})
    assert got == status
    if status == 400:
        assert answer["__type"] == "ValidationException" and "'partitionKey'" in answer["message"]


def test_at_most_ten_violations_are_listed(sandbox):
    _, answer = call_json(sandbox, "PutRecords", {
        "StreamName": "demo", "Records": [{"PartitionKey": "k"}] * 15})
    assert answer["message"].startswith("10 validation errors detected: Value null at "
                                        "'records.1.member.data'")
    assert answer["message"].count("; ") == 9


def test_an_account_has_a_thousand_shards_and_five_streams_in_the_making(make_sandbox):
    sandbox = make_sandbox("--transition-time", "1h", "--no-limits=control")
    client = sandbox.client()
    assert code_of(client.create_stream, StreamName="a", ShardCount=1001) == "LimitExceededException"
    for number in range(5):
        client.create_stream(StreamName=f"s{number}", ShardCount=1)
    assert code_of(client.create_stream, StreamName="s6", ShardCount=1) == "LimitExceededException"


def test_control_calls_have_a_rate(make_sandbox):
    sandbox = make_sandbox()
    statuses = [call_json(sandbox, "ListStreams", {}) for _ in range(12)]
    refused = [answer for status, answer in statuses if status == 400]
    assert [status for status, _ in statuses[:5]] == [200] * 5
    assert refused and refused[0]["__type"] == "LimitExceededException"


def test_a_shard_count_changes_ten_times_a_day(make_sandbox):
    sandbox = make_sandbox("--stream", "demo:2", "--transition-time", "0s", "--no-limits=control")
    client = sandbox.client()
    for number in range(10):
        client.update_shard_count(StreamName="demo", TargetShardCount=1 + number % 2,
                                  ScalingType="UNIFORM_SCALING")
    assert code_of(client.update_shard_count, StreamName="demo", TargetShardCount=1,
                   ScalingType="UNIFORM_SCALING") == "LimitExceededException"


def test_firehose_has_quotas_per_call_and_per_second(make_sandbox):
    sandbox = make_sandbox("--delivery-stream", "demo", "--no-limits=write")
    client = sandbox.client("firehose")

    def put(count, size):
        return client.put_record_batch(DeliveryStreamName="demo",
                                       Records=[{"Data": b"x" * size}] * count)

    assert put(500, 1)["FailedPutCount"] == 0
    assert code_of(put, count=501, size=1) == "ValidationException"
    assert code_of(put, count=1, size=1_024_001) == "ValidationException"
    with pytest.raises(ClientError) as caught:
        put(5, 900_000)
    assert caught.value.response["Error"] == {
        "Code": "InvalidArgumentException", "Message": "Records size exceeds 4 MB limit"}
    # 5 MiB a second in this region: of 16 MB at once some are refused.
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: put(4, 1_000_000), range(4)))
    refused = [r for a in answers for r in a["RequestResponses"] if "ErrorCode" in r]
    assert 1 <= len(refused) <= 16 - 5
    assert sum(a["FailedPutCount"] for a in answers) == len(refused)
    assert refused[0] == {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}


def test_no_limits_lets_everything_through(make_sandbox):
    sandbox = make_sandbox("--stream", "demo:1", "--no-limits")
    client = sandbox.client()
    for _ in range(8):
        assert client.put_records(StreamName="demo", Records=records(1000))["FailedRecordCount"] == 0
        client.list_streams()
