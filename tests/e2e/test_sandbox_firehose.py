"""boto3 against the delivery streams of kintail-sandbox, and what they deliver."""

import re

import pytest
from botocore.exceptions import ClientError
from support.sandbox import ACCOUNT, REGION
from support.waiting import wait_until

ROLE = "arn:aws:iam::123456789012:role/firehose"
S3 = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::bucket"}


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


def delivered(directory, name="demo"):
    return sorted(p for p in (directory / name).rglob("*") if p.is_file() and p.name[0] != ".")


@pytest.fixture
def files(tmp_path):
    return tmp_path / "delivered"


@pytest.fixture
def sandbox(make_sandbox, files):
    return make_sandbox("--delivery-dir", files, "--no-limits=control")


@pytest.fixture
def client(sandbox):
    return sandbox.client("firehose")


@pytest.mark.parametrize("kind", ["S3DestinationConfiguration", "ExtendedS3DestinationConfiguration"])
def test_a_delivery_stream_is_created_described_and_deleted(client, kind):
    hints = {"SizeInMBs": 2, "IntervalInSeconds": 60}
    arn = client.create_delivery_stream(DeliveryStreamName="demo", **{
        kind: {**S3, "BufferingHints": hints, "Prefix": "logs/"}})["DeliveryStreamARN"]
    assert arn == f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/demo"
    described = client.describe_delivery_stream(DeliveryStreamName="demo")[
        "DeliveryStreamDescription"]
    assert described["DeliveryStreamARN"] == arn and described["DeliveryStreamStatus"] == "ACTIVE"
    assert described["DeliveryStreamType"] == "DirectPut" and described["VersionId"] == "1"
    destination, = described["Destinations"]
    shown = destination[kind.replace("Configuration", "Description")]
    assert destination["DestinationId"] == "destinationId-000000000001"
    assert shown["BufferingHints"] == hints and shown["Prefix"] == "logs/"
    assert shown["BucketARN"] == S3["BucketARN"] and shown["RoleARN"] == ROLE
    assert code_of(client.create_delivery_stream, DeliveryStreamName="demo", **{kind: S3}) == \
        "ResourceInUseException"
    client.delete_delivery_stream(DeliveryStreamName="demo")
    assert client.list_delivery_streams()["DeliveryStreamNames"] == []
    for call in (client.describe_delivery_stream, client.delete_delivery_stream):
        assert code_of(call, DeliveryStreamName="demo") == "ResourceNotFoundException"
    assert code_of(client.put_record, DeliveryStreamName="demo", Record={"Data": b"x"}) == \
        "ResourceNotFoundException"


def test_what_cannot_be_delivered_is_refused(client):
    for more in [{}, {"S3DestinationConfiguration": S3, "ExtendedS3DestinationConfiguration": S3},
                 {"S3DestinationConfiguration": {**S3, "CompressionFormat": "Snappy"}},
                 {"S3DestinationConfiguration": {**S3, "Prefix": "../out/"}},
                 {"S3DestinationConfiguration": {**S3, "Prefix": "!{timestamp:yyyy}"}},
                 {"DeliveryStreamType": "KinesisStreamAsSource", "S3DestinationConfiguration": S3}]:
        assert code_of(client.create_delivery_stream, DeliveryStreamName="demo", **more) == \
            "InvalidArgumentException"
    assert code_of(client.create_delivery_stream, DeliveryStreamName="a b",
                   S3DestinationConfiguration=S3) == "ValidationException"
    assert code_of(client.create_delivery_stream, DeliveryStreamName="demo",
                   S3DestinationConfiguration={
                       **S3, "BufferingHints": {"SizeInMBs": 129, "IntervalInSeconds": 60}}) == \
        "ValidationException"


def test_delivery_streams_are_listed_page_by_page(client):
    names = [f"d{i:02}" for i in range(13)]
    for name in names:
        client.create_delivery_stream(DeliveryStreamName=name, S3DestinationConfiguration=S3)
    first = client.list_delivery_streams()
    assert first["DeliveryStreamNames"] == names[:10] and first["HasMoreDeliveryStreams"]
    rest = client.list_delivery_streams(ExclusiveStartDeliveryStreamName="d09", Limit=5)
    assert rest["DeliveryStreamNames"] == names[10:] and not rest["HasMoreDeliveryStreams"]
    assert client.list_delivery_streams(DeliveryStreamType="KinesisStreamAsSource")[
        "DeliveryStreamNames"] == []


def test_records_are_joined_as_they_are_and_flushed_at_the_end(sandbox, client, files):
    client.create_delivery_stream(DeliveryStreamName="demo", S3DestinationConfiguration=S3)
    answer = client.put_record_batch(DeliveryStreamName="demo", Records=[
        {"Data": b"one\n"}, {"Data": b"two"}, {"Data": b""}, {"Data": b" three\n"}])
    assert answer["FailedPutCount"] == 0 and answer["Encrypted"] is False
    ids = {r["RecordId"] for r in answer["RequestResponses"]}
    assert len(ids) == 4
    assert client.put_record(DeliveryStreamName="demo", Record={"Data": b"four\n"})["RecordId"]
    assert delivered(files) == []
    assert sandbox.delivery_status()["pending_bytes"] == 19
    sandbox.stop()
    path, = delivered(files)
    assert path.read_bytes() == b"one\ntwo three\nfour\n"
    relative = path.relative_to(files / "demo").as_posix()
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\d\d/demo-1-\d{4}(-\d\d){5}-[0-9a-f-]{36}", relative)


def test_a_buffer_is_delivered_when_it_is_full(sandbox, client, files):
    hints = {"SizeInMBs": 1, "IntervalInSeconds": 900}
    client.create_delivery_stream(DeliveryStreamName="demo", ExtendedS3DestinationConfiguration={
        **S3, "Prefix": "a/b-", "BufferingHints": hints})
    for number in range(3):
        client.put_record(DeliveryStreamName="demo", Record={"Data": b"%d" % number * 600_000})
    assert len(delivered(files)) == 2
    assert sandbox.delivery_status()["objects"] == 2
    sandbox.control("flush", {})
    contents = sorted(p.read_bytes() for p in delivered(files))
    assert contents == [b"%d" % number * 600_000 for number in range(3)]
    assert all(p.relative_to(files / "demo").as_posix().startswith("a/b-2") for p in delivered(files))


def test_a_buffer_is_delivered_when_its_time_has_come(make_sandbox, files):
    sandbox = make_sandbox("--delivery-dir", files, verify=False)
    client = sandbox.client("firehose")
    client.create_delivery_stream(DeliveryStreamName="demo", S3DestinationConfiguration={
        **S3, "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60}})
    client.put_record(DeliveryStreamName="demo", Record={"Data": b"x"})
    sandbox.faults(clock_offset_s=59)
    assert delivered(files) == []
    sandbox.faults(clock_offset_s=62)
    wait_until(lambda: delivered(files), 5, "the delivery")


def test_what_was_acknowledged_survives_a_kill(make_sandbox, tmp_path):
    sandbox = make_sandbox("--data", tmp_path / "data", "--delivery-stream", "demo")
    client = sandbox.client("firehose")
    for number in range(20):
        client.put_record(DeliveryStreamName="demo", Record={"Data": b"%02d\n" % number})
    sandbox.kill()
    sandbox.start()
    sandbox.client("firehose").put_record(DeliveryStreamName="demo", Record={"Data": b"20\n"})
    assert sandbox.client("firehose").describe_delivery_stream(DeliveryStreamName="demo")
    sandbox.stop()
    path, = delivered(tmp_path / "data" / "firehose")
    assert path.read_bytes() == b"".join(b"%02d\n" % n for n in range(21))


def test_a_deleted_stream_delivers_what_it_has(sandbox, client, files):
    client.create_delivery_stream(DeliveryStreamName="demo", S3DestinationConfiguration=S3)
    client.put_record(DeliveryStreamName="demo", Record={"Data": b"last\n"})
    client.delete_delivery_stream(DeliveryStreamName="demo")
    path, = delivered(files)
    assert path.read_bytes() == b"last\n"


def test_without_a_directory_deliveries_are_counted(make_sandbox):
    sandbox = make_sandbox("--delivery-stream", "demo")
    sandbox.client("firehose").put_record(DeliveryStreamName="demo", Record={"Data": b"12345"})
    assert sandbox.control("flush", {})["delivery_streams"][0]["objects"] == 1
    assert sandbox.delivery_status()["bytes"] == 5
    assert "counted and forgotten" in sandbox.log()
