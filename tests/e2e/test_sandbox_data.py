"""What kintail-sandbox keeps in its directory outlives it."""

import os
import subprocess

from support.oracle import read_with
from support.sandbox import BUILD
from support.waiting import pause, wait_until


def fill(client, first, count, stream="demo"):
    answer = client.put_records(StreamName=stream, Records=[
        {"Data": b"%d" % i, "PartitionKey": f"k{i}"} for i in range(first, first + count)])
    assert answer["FailedRecordCount"] == 0
    return answer["Records"]


def numbers(client, stream="demo"):
    return sorted(int(data) for _, data in read_with(client, stream))


def start(make_sandbox, tmp_path, *more):
    return make_sandbox("--data", tmp_path / "data", "--stream", "demo:2", "--no-limits",
                        "--transition-time", "0s", *more)


def test_records_survive_a_restart_and_numbers_go_on(make_sandbox, tmp_path):
    sandbox = start(make_sandbox, tmp_path)
    before = fill(sandbox.client(), 0, 300)
    iterator = sandbox.client().get_shard_iterator(
        StreamName="demo", ShardId=before[0]["ShardId"], ShardIteratorType="LATEST")["ShardIterator"]
    assert sandbox.stop() == 0
    sandbox.start()
    client = sandbox.client()
    after = fill(client, 300, 100)
    assert numbers(client) == list(range(400))
    for shard in {r["ShardId"] for r in before}:
        low = max(int(r["SequenceNumber"]) for r in before if r["ShardId"] == shard)
        assert all(int(r["SequenceNumber"]) > low for r in after if r["ShardId"] == shard)
    # An iterator of the run before goes on where it was.
    fresh = client.get_records(ShardIterator=iterator)["Records"]
    assert [r["SequenceNumber"] for r in fresh] == [
        r["SequenceNumber"] for r in after if r["ShardId"] == before[0]["ShardId"]]


def test_what_was_acknowledged_survives_a_kill(make_sandbox, tmp_path):
    sandbox = start(make_sandbox, tmp_path)
    total = 0
    for _ in range(5):
        client = sandbox.client()
        for _ in range(3):
            fill(client, total, 200)
            total += 200
        sandbox.kill()
        sandbox.start()
        assert numbers(sandbox.client()) == list(range(total))


def test_a_torn_tail_is_cut_off(make_sandbox, tmp_path):
    sandbox = start(make_sandbox, tmp_path)
    fill(sandbox.client(), 0, 100)
    sandbox.kill()
    logs = sorted((tmp_path / "data" / "streams" / "demo").glob("*.log"))
    assert len(logs) == 2
    for log in logs:
        with log.open("ab") as file:
            file.write(b"\x01half a record")
    sandbox.start()
    fill(sandbox.client(), 100, 100)
    assert numbers(sandbox.client()) == list(range(200))
    assert "no whole record" in sandbox.log()
    sandbox.kill()
    sandbox.start()
    assert numbers(sandbox.client()) == list(range(200))


def test_shards_retention_and_deletion_survive(make_sandbox, tmp_path):
    sandbox = start(make_sandbox, tmp_path)
    client = sandbox.client()
    client.create_stream(StreamName="other", ShardCount=1)
    client.create_stream(StreamName="..", ShardCount=1)
    fill(client, 0, 10, "other")
    client.split_shard(StreamName="demo", ShardToSplit="shardId-000000000000",
                       NewStartingHashKey=str(2**126))
    client.increase_stream_retention_period(StreamName="demo", RetentionPeriodHours=100)
    described = client.describe_stream(StreamName="demo")["StreamDescription"]
    client.delete_stream(StreamName="other")
    sandbox.kill()
    sandbox.start()
    client = sandbox.client()
    again = client.describe_stream(StreamName="demo")["StreamDescription"]
    assert again == described and len(again["Shards"]) == 4
    assert client.list_streams()["StreamNames"] == ["..", "demo"]
    client.create_stream(StreamName="other", ShardCount=1)
    assert numbers(client, "other") == []


def test_many_bytes_go_to_several_files_and_come_back(make_sandbox, tmp_path):
    sandbox = start(make_sandbox, tmp_path)
    client = sandbox.client()
    data = os.urandom(900_000)
    for _ in range(3):
        client.put_records(StreamName="demo", Records=[
            {"Data": data, "PartitionKey": "k", "ExplicitHashKey": "0"}] * 11)
    assert len(list((tmp_path / "data" / "streams" / "demo").glob("000000000000-*.log"))) >= 2
    sandbox.stop()
    sandbox.start()
    records = read_with(sandbox.client(), "demo")
    assert len(records) == 33 and all(d == data for _, d in records)


def test_expired_files_go_and_numbers_still_rise(make_sandbox, tmp_path):
    sandbox = make_sandbox("--data", tmp_path / "data", "--stream", "demo:1", "--no-limits",
                           verify=False)
    client = sandbox.client()

    def put():
        answer = client.put_records(StreamName="demo", Records=[
            {"Data": b"x" * 900_000, "PartitionKey": "k"}] * 10)
        return int(answer["Records"][-1]["SequenceNumber"])

    put()
    last = put()
    sandbox.faults(clock_offset_s=25 * 3600)
    client.describe_stream(StreamName="demo")
    logs = list((tmp_path / "data" / "streams" / "demo").glob("*.log"))
    assert sum(log.stat().st_size for log in logs) < 10_000_000
    sandbox.kill()
    sandbox.start("--fault", f"clock_offset_s={25 * 3600}")
    client = sandbox.client()
    assert read_with(client, "demo") == []
    assert put() > last


def test_a_damaged_description_stops_the_start_and_is_named(make_sandbox, tmp_path):
    sandbox = start(make_sandbox, tmp_path)
    sandbox.stop()
    path = tmp_path / "data" / "streams" / "demo" / "stream.json"
    path.write_text("{", encoding="utf-8")
    result = subprocess.run([BUILD / "kintail-sandbox", *sandbox.options], capture_output=True,
                            text=True, timeout=30, check=False)
    assert result.returncode == 74 and str(path.parent) in result.stderr


def test_discarded_records_are_counted_only(make_sandbox):
    sandbox = make_sandbox("--stream", "demo:2", "--discard", "--no-limits")
    client = sandbox.client()
    first = fill(client, 0, 100)
    second = fill(client, 100, 100)
    assert numbers(client) == []
    assert sandbox.stream_status()["records"] == 200
    low = {r["ShardId"]: int(r["SequenceNumber"]) for r in first}
    assert all(int(r["SequenceNumber"]) > low[r["ShardId"]] for r in second)


def test_memory_has_an_end(make_sandbox):
    sandbox = make_sandbox("--stream", "demo:1", "--no-limits", "--max-memory", "1MiB")
    answer = sandbox.client().put_records(StreamName="demo", Records=[
        {"Data": b"x" * 100_000, "PartitionKey": "k"}] * 20)
    assert answer["FailedRecordCount"] == 10
    assert answer["Records"][-1]["ErrorCode"] == "InternalFailure"
    assert len(read_with(sandbox.client(), "demo")) == 10


def test_what_is_older_than_keep_is_let_go_so_that_memory_suffices(make_sandbox):
    sandbox = make_sandbox("--stream", "demo:1", "--no-limits", "--max-memory", "4MiB", "--keep", "100ms")
    client = sandbox.client()
    shard = client.list_shards(StreamName="demo")["Shards"][0]["ShardId"]

    def put():
        records = [{"Data": bytes(500_000), "PartitionKey": "k"}] * 4
        return client.put_records(StreamName="demo", Records=records)["FailedRecordCount"] == 0

    for _ in range(8):  # four times the memory
        wait_until(put, 10, "room for more")
        pause(0.12)
    oldest = client.get_shard_iterator(StreamName="demo", ShardId=shard,
                                       ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert client.get_records(ShardIterator=oldest)["Records"] == []


def test_a_failing_disk_refuses_records_and_recovers(make_sandbox, tmp_path):
    sandbox = start(make_sandbox, tmp_path)
    client = sandbox.client()
    fill(client, 0, 10)
    directory = tmp_path / "data" / "streams" / "demo"
    moved = tmp_path / "moved"
    directory.rename(moved)
    answer = client.put_records(StreamName="demo", Records=[{"Data": b"x", "PartitionKey": "k"}])
    assert answer["Records"][0]["ErrorCode"] == "InternalFailure"
    moved.rename(directory)
    fill(client, 10, 10)
    wait_until(lambda: numbers(client) == list(range(20)), 5)
