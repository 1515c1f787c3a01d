"""boto3 against the streams of kintail-sandbox: every operation, its errors and its paging."""

import datetime
import hashlib
import time

import pytest
from botocore.exceptions import ClientError
from support.oracle import read_with
from support.sandbox import ACCOUNT, REGION
from support.sign import call_json
from support.waiting import wait_until

TOP = 2**128 - 1


def refusal(call, **arguments):
    """Code and text of the error that a call must end in."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def status_of(client, name):
    return client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"]


def wait_active(client, name):
    wait_until(lambda: status_of(client, name) == "ACTIVE", 10, f"{name} ACTIVE", every=0.05)


def shards_of(client, name="demo"):
    return client.list_shards(StreamName=name)["Shards"]


def iterator_of(client, shard, kind="TRIM_HORIZON", stream="demo", **more):
    return client.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]


@pytest.fixture
def quiet(make_sandbox):
    """A sandbox that does not limit how often it is asked."""
    return make_sandbox("--stream", "demo:4", "--transition-time", "50ms", "--no-limits=read,control")


def test_a_stream_is_created_active_and_deleted(make_sandbox):
    sandbox = make_sandbox("--transition-time", "300ms")
    client = sandbox.client(retries=True)
    client.create_stream(StreamName="one", ShardCount=3)
    assert status_of(client, "one") == "CREATING"
    assert client.describe_stream(StreamName="one")["StreamDescription"]["Shards"] == []
    wait_active(client, "one")
    described = client.describe_stream(StreamName="one")["StreamDescription"]
    assert described["StreamARN"] == f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/one"
    assert described["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert described["RetentionPeriodHours"] == 24
    assert described["EncryptionType"] == "NONE"
    assert not described["HasMoreShards"]
    ends = [s["HashKeyRange"]["EndingHashKey"] for s in described["Shards"]]
    assert ends == ["113427455640312821154458202477256070484",
                    "226854911280625642308916404954512140969", str(TOP)]
    age = datetime.datetime.now(datetime.timezone.utc) - described["StreamCreationTimestamp"]
    assert abs(age.total_seconds()) < 60
    client.delete_stream(StreamName="one")
    assert status_of(client, "one") == "DELETING"
    wait_until(lambda: client.list_streams()["StreamNames"] == [], 10, "deletion", every=0.3)


def test_an_on_demand_stream_has_four_shards_and_cannot_be_resharded(sandbox):
    client = sandbox.client(retries=True)
    client.create_stream(StreamName="od", StreamModeDetails={"StreamMode": "ON_DEMAND"})
    wait_active(client, "od")
    summary = client.describe_stream_summary(StreamName="od")["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert summary["OpenShardCount"] == 4
    code, _ = refusal(client.update_shard_count, StreamName="od", TargetShardCount=5,
                      ScalingType="UNIFORM_SCALING")
    assert code == "ValidationException"


def test_names_that_exist_or_do_not_are_refused(quiet):
    client = quiet.client()
    assert refusal(client.create_stream, StreamName="demo", ShardCount=1) == (
        "ResourceInUseException", f"Stream demo under account {ACCOUNT} already exists.")
    missing = ("ResourceNotFoundException", f"Stream nix under account {ACCOUNT} not found.")
    for call, more in [
            (client.describe_stream, {}), (client.describe_stream_summary, {}),
            (client.delete_stream, {}), (client.list_shards, {}),
            (client.put_record, {"Data": b"x", "PartitionKey": "k"}),
            (client.put_records, {"Records": [{"Data": b"x", "PartitionKey": "k"}]}),
            (client.get_shard_iterator, {"ShardId": "shardId-000000000000",
                                         "ShardIteratorType": "LATEST"}),
            (client.split_shard, {"ShardToSplit": "shardId-000000000000",
                                  "NewStartingHashKey": "10"}),
            (client.increase_stream_retention_period, {"RetentionPeriodHours": 48})]:
        assert refusal(call, StreamName="nix", **more) == missing


def test_members_out_of_range_are_named(quiet):
    client = quiet.client()
    assert refusal(client.create_stream, StreamName="a b", ShardCount=1) == (
        "ValidationException",
        "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
    code, text = refusal(client.put_record, StreamName="demo", Data=b"x", PartitionKey="k",
                         ExplicitHashKey="01")
    assert code == "ValidationException" and "'explicitHashKey'" in text
    code, text = refusal(client.get_shard_iterator, StreamName="demo", ShardId="shardId-000000000000",
                         ShardIteratorType="SOMETIMES")
    assert code == "ValidationException"
    assert text.endswith("Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, "
                         "AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]")


def test_streams_are_listed_page_by_page(quiet):
    client = quiet.client()
    for number in range(5):
        client.create_stream(StreamName=f"s{number}", ShardCount=1)
    first = client.list_streams(Limit=2)
    assert first["StreamNames"] == ["demo", "s0"] and first["HasMoreStreams"]
    second = client.list_streams(Limit=2, ExclusiveStartStreamName="s0")
    assert second["StreamNames"] == ["s1", "s2"] and second["HasMoreStreams"]
    third = client.list_streams(Limit=4, ExclusiveStartStreamName="s2")
    assert third["StreamNames"] == ["s3", "s4"] and not third["HasMoreStreams"]
    assert client.get_paginator("list_streams").paginate(Limit=2).build_full_result()[
        "StreamNames"] == ["demo", "s0", "s1", "s2", "s3", "s4"]


def test_a_stream_is_found_by_its_arn_too(quiet):
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/demo"
    assert call_json(quiet, "DescribeStreamSummary", {"StreamARN": arn})[0] == 200
    status, answer = call_json(quiet, "PutRecord", {
        "StreamARN": arn, "Data": "eA==", "PartitionKey": "k"})
    assert status == 200 and answer["ShardId"].startswith("shardId-")
    assert call_json(quiet, "DescribeStreamSummary", {})[1]["__type"] == "InvalidArgumentException"
    assert call_json(quiet, "DescribeStreamSummary", {"StreamARN": "arn:x"})[1][
        "__type"] == "ValidationException"


def test_shards_are_described_page_by_page(quiet):
    client = quiet.client()
    page = client.describe_stream(StreamName="demo", Limit=3)["StreamDescription"]
    assert len(page["Shards"]) == 3 and page["HasMoreShards"]
    page = client.describe_stream(
        StreamName="demo", ExclusiveStartShardId="shardId-000000000002")["StreamDescription"]
    assert [s["ShardId"] for s in page["Shards"]] == ["shardId-000000000003"]
    assert not page["HasMoreShards"]


def test_shards_are_listed_page_by_page_by_token(quiet):
    client = quiet.client()
    page = client.list_shards(StreamName="demo", MaxResults=3)
    assert len(page["Shards"]) == 3
    rest = client.list_shards(NextToken=page["NextToken"])
    assert [s["ShardId"] for s in rest["Shards"]] == ["shardId-000000000003"]
    assert "NextToken" not in rest
    assert refusal(client.list_shards, StreamName="demo", NextToken=page["NextToken"])[0] == \
        "InvalidArgumentException"
    assert refusal(client.list_shards, NextToken="bm9uZQ==")[0] == "InvalidArgumentException"
    after = client.list_shards(StreamName="demo", ExclusiveStartShardId="shardId-000000000001")
    assert len(after["Shards"]) == 2


def test_records_go_where_their_key_hashes_to_and_come_back_in_order(quiet):
    client = quiet.client()
    shards = shards_of(client)
    ranges = [(int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"]),
               s["ShardId"]) for s in shards]
    sent = [{"Data": f"line {i}\n".encode(), "PartitionKey": f"key-{i}"} for i in range(300)]
    answer = client.put_records(StreamName="demo", Records=sent)
    assert answer["FailedRecordCount"] == 0 and len(answer["Records"]) == 300
    expected = {}
    for record, result in zip(sent, answer["Records"]):
        number = int(hashlib.md5(record["PartitionKey"].encode()).hexdigest(), 16)
        shard = next(i for low, high, i in ranges if low <= number <= high)
        assert result["ShardId"] == shard
        expected.setdefault(shard, []).append(
            (result["SequenceNumber"], record["PartitionKey"], record["Data"]))
    for shard in shards:
        answer = client.get_records(ShardIterator=iterator_of(client, shard["ShardId"]))
        got = [(r["SequenceNumber"], r["PartitionKey"], r["Data"]) for r in answer["Records"]]
        assert got == expected[shard["ShardId"]]
        assert sorted(int(s) for s, _, _ in got) == [int(s) for s, _, _ in got]
        assert answer["MillisBehindLatest"] == 0 and answer["NextShardIterator"]
        arrival = answer["Records"][0]["ApproximateArrivalTimestamp"]
        assert abs((datetime.datetime.now(datetime.timezone.utc) - arrival).total_seconds()) < 60


def test_a_single_record_and_an_explicit_hash_key(quiet):
    client = quiet.client()
    first = client.put_record(StreamName="demo", Data=b"a", PartitionKey="x", ExplicitHashKey="0")
    assert first["ShardId"] == "shardId-000000000000" and first["EncryptionType"] == "NONE"
    last = client.put_record(StreamName="demo", Data=b"", PartitionKey="x", ExplicitHashKey=str(TOP),
                             SequenceNumberForOrdering=first["SequenceNumber"])
    assert last["ShardId"] == "shardId-000000000003"
    assert refusal(client.put_record, StreamName="demo", Data=b"", PartitionKey="x",
                   ExplicitHashKey=str(TOP + 1)) == (
        "InvalidArgumentException",
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified "
        f"value was {TOP + 1}")
    assert read_with(client, "demo") == [("shardId-000000000000", b"a"),
                                           ("shardId-000000000003", b"")]


def test_all_five_iterators_start_where_they_say(quiet):
    client = quiet.client()
    shard = "shardId-000000000000"

    def put(data):
        return client.put_record(StreamName="demo", Data=data, PartitionKey="k",
                                 ExplicitHashKey="0")["SequenceNumber"]

    def read(kind, **more):
        iterator = iterator_of(client, shard, kind, **more)
        return [r["Data"] for r in client.get_records(ShardIterator=iterator)["Records"]]

    latest = iterator_of(client, shard, "LATEST")
    numbers = [put(b"0"), put(b"1")]
    between = client.get_records(ShardIterator=iterator_of(client, shard))["Records"][-1][
        "ApproximateArrivalTimestamp"].timestamp() + 0.002
    wait_until(lambda: time.time() > between)
    numbers.append(put(b"2"))
    assert read("TRIM_HORIZON") == [b"0", b"1", b"2"]
    assert read("LATEST") == []
    assert read("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"1", b"2"]
    assert read("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"2"]
    # botocore sends whole seconds, so this iterator is asked for without it.
    exact = call_json(quiet, "GetShardIterator", {
        "StreamName": "demo", "ShardId": shard, "ShardIteratorType": "AT_TIMESTAMP",
        "Timestamp": between})[1]["ShardIterator"]
    assert [r["Data"] for r in client.get_records(ShardIterator=exact)["Records"]] == [b"2"]
    assert read("AT_TIMESTAMP", Timestamp=0) == [b"0", b"1", b"2"]
    assert [r["Data"] for r in client.get_records(ShardIterator=latest)["Records"]] == [
        b"0", b"1", b"2"]
    start = shards_of(client)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert read("AT_SEQUENCE_NUMBER", StartingSequenceNumber=start) == [b"0", b"1", b"2"]


def test_iterators_that_make_no_sense_are_refused(quiet):
    client = quiet.client()
    shard = "shardId-000000000000"
    common = {"StreamName": "demo", "ShardId": shard}
    other = client.put_record(StreamName="demo", Data=b"x", PartitionKey="k",
                              ExplicitHashKey=str(TOP))["SequenceNumber"]
    for more in [{"ShardIteratorType": "AT_SEQUENCE_NUMBER"},
                 {"ShardIteratorType": "AT_TIMESTAMP"},
                 {"ShardIteratorType": "AT_TIMESTAMP",
                  "Timestamp": datetime.datetime(2100, 1, 1)},
                 {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "5"},
                 {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": other}]:
        assert refusal(client.get_shard_iterator, **common, **more)[0] == "InvalidArgumentException"
    assert refusal(client.get_shard_iterator, StreamName="demo", ShardId="shardId-000000000009",
                   ShardIteratorType="LATEST") == (
        "ResourceNotFoundException",
        f"Could not find shard shardId-000000000009 in stream demo under account {ACCOUNT}.")
    good = iterator_of(client, shard)
    assert client.get_records(ShardIterator=f'"{good}"')["Records"] == []
    assert refusal(client.get_records, ShardIterator=good[:-4] + "AAAA")[0] == \
        "InvalidArgumentException"
    assert refusal(client.get_records, ShardIterator="x")[0] == "InvalidArgumentException"


def test_an_iterator_lives_for_five_minutes(make_sandbox):
    sandbox = make_sandbox("--stream", "demo:1", verify=False)
    client = sandbox.client()
    iterator = iterator_of(client, "shardId-000000000000")
    sandbox.faults(clock_offset_s=299)
    client.get_records(ShardIterator=iterator)
    sandbox.faults(clock_offset_s=302)
    code, text = refusal(client.get_records, ShardIterator=iterator)
    assert code == "ExpiredIteratorException" and "300000" in text


def test_get_records_is_limited_and_says_how_far_it_is_behind(quiet):
    client = quiet.client()
    client.put_records(StreamName="demo", Records=[
        {"Data": b"%d" % i, "PartitionKey": "k", "ExplicitHashKey": "0"} for i in range(10)])
    iterator = iterator_of(client, "shardId-000000000000")
    got = []
    for _ in range(4):
        answer = client.get_records(ShardIterator=iterator, Limit=3)
        assert len(answer["Records"]) <= 3
        got += [r["Data"] for r in answer["Records"]]
        iterator = answer["NextShardIterator"]
    assert got == [b"%d" % i for i in range(10)]
    assert refusal(client.get_records, ShardIterator=iterator, Limit=10001)[0] == \
        "ValidationException"


def test_retention_changes_within_its_bounds(quiet):
    client = quiet.client()
    assert refusal(client.increase_stream_retention_period, StreamName="demo",
                   RetentionPeriodHours=23)[0] == "InvalidArgumentException"
    assert refusal(client.increase_stream_retention_period, StreamName="demo",
                   RetentionPeriodHours=8761)[0] == "InvalidArgumentException"
    assert refusal(client.increase_stream_retention_period, StreamName="demo",
                   RetentionPeriodHours=24)[0] == "InvalidArgumentException"
    client.increase_stream_retention_period(StreamName="demo", RetentionPeriodHours=48)
    wait_active(client, "demo")
    assert refusal(client.decrease_stream_retention_period, StreamName="demo",
                   RetentionPeriodHours=48)[0] == "InvalidArgumentException"
    client.decrease_stream_retention_period(StreamName="demo", RetentionPeriodHours=24)
    summary = client.describe_stream_summary(StreamName="demo")["StreamDescriptionSummary"]
    assert summary["RetentionPeriodHours"] == 24 and summary["StreamStatus"] == "UPDATING"


def test_records_expire_after_the_retention(make_sandbox):
    sandbox = make_sandbox("--stream", "demo:1", verify=False)
    client = sandbox.client()
    client.put_record(StreamName="demo", Data=b"old", PartitionKey="k")
    sandbox.faults(clock_offset_s=23 * 3600)
    client.put_record(StreamName="demo", Data=b"new", PartitionKey="k")
    assert [d for _, d in read_with(client, "demo")] == [b"old", b"new"]
    sandbox.faults(clock_offset_s=24 * 3600 + 60)
    assert [d for _, d in read_with(client, "demo")] == [b"new"]


def test_a_split_closes_the_parent_and_its_children_take_over(quiet):
    client = quiet.client()
    top = 85070591730234615865843651857942052863
    before = client.put_record(StreamName="demo", Data=b"before", PartitionKey="k",
                               ExplicitHashKey="0")
    client.split_shard(StreamName="demo", ShardToSplit="shardId-000000000000",
                       NewStartingHashKey=str(2**125))
    wait_active(client, "demo")
    shards = {s["ShardId"]: s for s in shards_of(client)}
    assert len(shards) == 6
    parent, low, high = (shards[f"shardId-{i:012}"] for i in (0, 4, 5))
    assert int(parent["SequenceNumberRange"]["EndingSequenceNumber"]) > int(before["SequenceNumber"])
    assert low["ParentShardId"] == high["ParentShardId"] == parent["ShardId"]
    assert low["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(2**125 - 1)}
    assert high["HashKeyRange"] == {"StartingHashKey": str(2**125), "EndingHashKey": str(top)}
    after = client.put_record(StreamName="demo", Data=b"after", PartitionKey="k", ExplicitHashKey="0")
    assert after["ShardId"] == "shardId-000000000004"
    assert int(after["SequenceNumber"]) > int(before["SequenceNumber"])
    answer = client.get_records(ShardIterator=iterator_of(client, "shardId-000000000000"))
    assert [r["Data"] for r in answer["Records"]] == [b"before"]
    assert answer.get("NextShardIterator") is None
    assert [(c["ShardId"], c["ParentShards"]) for c in answer["ChildShards"]] == [
        ("shardId-000000000004", ["shardId-000000000000"]),
        ("shardId-000000000005", ["shardId-000000000000"])]
    code, text = refusal(client.split_shard, StreamName="demo", ShardToSplit="shardId-000000000000",
                         NewStartingHashKey=str(2**125))
    assert code == "InvalidArgumentException" and "already been merged or split" in text
    for key in ("0", "1", str(2**125 - 1), str(2**127)):
        assert refusal(client.split_shard, StreamName="demo", ShardToSplit="shardId-000000000004",
                       NewStartingHashKey=key)[0] == "InvalidArgumentException"


def test_a_merge_joins_two_neighbours(quiet):
    client = quiet.client()
    assert refusal(client.merge_shards, StreamName="demo", ShardToMerge="shardId-000000000000",
                   AdjacentShardToMerge="shardId-000000000002")[0] == "InvalidArgumentException"
    client.merge_shards(StreamName="demo", ShardToMerge="shardId-000000000001",
                        AdjacentShardToMerge="shardId-000000000000")
    assert refusal(client.merge_shards, StreamName="demo", ShardToMerge="shardId-000000000002",
                   AdjacentShardToMerge="shardId-000000000003")[0] == "ResourceInUseException"
    wait_active(client, "demo")
    child = shards_of(client)[4]
    assert child["ParentShardId"] == "shardId-000000000001"
    assert child["AdjacentParentShardId"] == "shardId-000000000000"
    assert child["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(2**127 - 1)}
    answer = client.get_records(ShardIterator=iterator_of(client, "shardId-000000000000"))
    assert answer["ChildShards"][0]["ParentShards"] == [
        "shardId-000000000001", "shardId-000000000000"]


def test_filters_show_the_shards_of_their_time(quiet):
    client = quiet.client()
    client.update_shard_count(StreamName="demo", TargetShardCount=2, ScalingType="UNIFORM_SCALING")

    def listed(**more):
        return {int(s["ShardId"][8:]) for s in client.list_shards(
            StreamName="demo", ShardFilter=more)["Shards"]}

    everything = {int(s["ShardId"][8:]) for s in shards_of(client)}
    latest = listed(Type="AT_LATEST")
    assert len(latest) == 2 and latest < everything
    assert listed(Type="FROM_TRIM_HORIZON") == everything
    assert listed(Type="AT_TRIM_HORIZON") == {0, 1, 2, 3}
    assert listed(Type="AFTER_SHARD_ID", ShardId="shardId-000000000003") == everything - {0, 1, 2, 3}
    # botocore sends whole seconds.
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    assert listed(Type="AT_TIMESTAMP", Timestamp=now) == latest
    assert listed(Type="FROM_TIMESTAMP", Timestamp=now - datetime.timedelta(hours=1)) == everything
    assert refusal(client.list_shards, StreamName="demo", ShardFilter={"Type": "AFTER_SHARD_ID"})[
        0] == "InvalidArgumentException"
    assert refusal(client.list_shards, StreamName="demo", ShardFilter={"Type": "AT_TIMESTAMP"})[
        0] == "InvalidArgumentException"


@pytest.mark.parametrize("target", [2, 3, 5, 8])
def test_a_new_shard_count_leaves_uniform_shards(quiet, target):
    client = quiet.client()
    answer = client.update_shard_count(StreamName="demo", TargetShardCount=target,
                                       ScalingType="UNIFORM_SCALING")
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (4, target)
    shards = client.list_shards(StreamName="demo", ShardFilter={"Type": "AT_LATEST"})["Shards"]
    ranges = sorted((int(s["HashKeyRange"]["StartingHashKey"]),
                     int(s["HashKeyRange"]["EndingHashKey"])) for s in shards)
    width = 2**128 // target
    assert [low for low, _ in ranges] == [i * width for i in range(target)]
    assert [high for _, high in ranges] == [i * width - 1 for i in range(1, target)] + [TOP]


def test_a_shard_count_cannot_more_than_double_or_halve(quiet):
    client = quiet.client()
    for target in (1, 9):
        assert refusal(client.update_shard_count, StreamName="demo", TargetShardCount=target,
                       ScalingType="UNIFORM_SCALING")[0] == "InvalidArgumentException"


def test_over_tls_with_the_certificate_that_was_made(make_sandbox):
    sandbox = make_sandbox("--stream", "demo:1", tls=True)
    client = sandbox.client(tls=True)
    client.put_record(StreamName="demo", Data=b"secret", PartitionKey="k")
    assert [d for _, d in read_with(client, "demo")] == [b"secret"]
