"""CBOR 1.1 against kintail-sandbox, written and read by an independent library."""


import cbor2
import pytest
from support.sandbox import Sandbox
from support.sign import b64, call_cbor, call_json


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("cbor"), "--stream", "demo:4", "--delivery-stream", "demo",
                 "--no-limits=control,read") as sandbox:
        yield sandbox


def indefinite(document):
    """A document in the form that AWS writes: maps and lists of indefinite length."""
    if isinstance(document, dict):
        inner = b"".join(cbor2.dumps(k) + indefinite(v) for k, v in document.items())
        return b"\xbf" + inner + b"\xff"
    if isinstance(document, list):
        return b"\x9f" + b"".join(map(indefinite, document)) + b"\xff"
    if isinstance(document, (bytes, str)):
        half = len(document) // 2
        head = b"\x5f" if isinstance(document, bytes) else b"\x7f"
        return head + cbor2.dumps(document[:half]) + cbor2.dumps(document[half:]) + b"\xff"
    return cbor2.dumps(document)


def read_all(sandbox, shard):
    _, answer = call_cbor(sandbox, "GetShardIterator", {
        "StreamName": "demo", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"})
    return call_cbor(sandbox, "GetRecords", {"ShardIterator": answer["ShardIterator"]})[1]


@pytest.mark.parametrize("encode", [cbor2.dumps, indefinite], ids=["definite", "indefinite"])
def test_records_go_in_and_come_out_as_bytes(sandbox, encode):
    data = bytes(range(256)) * 3
    document = {"StreamName": "demo", "Nix": {"a": [1, -5, 2.5, None, True]}, "Records": [
        {"Data": data, "PartitionKey": "schl\u00fcssel", "ExplicitHashKey": "0"},
        {"Data": b"", "PartitionKey": "k", "ExplicitHashKey": "0"}]}
    status, answer = call_cbor(sandbox, "PutRecords", encode(document))
    assert status == 200 and answer["FailedRecordCount"] == 0
    number = answer["Records"][0]["SequenceNumber"]
    got = read_all(sandbox, "shardId-000000000000")
    record = next(r for r in got["Records"] if r["SequenceNumber"] == number)
    assert record["Data"] == data and record["PartitionKey"] == "schl\u00fcssel"
    assert record["ApproximateArrivalTimestamp"].tag == 65534
    milliseconds = record["ApproximateArrivalTimestamp"].value
    assert isinstance(milliseconds, int) and milliseconds > 1_600_000_000_000
    assert got["MillisBehindLatest"] == 0


def test_the_known_body_is_accepted(sandbox):
    body = bytes.fromhex("a2675265636f72647381a264446174614668656c6c6f0a6c506172746974696f6e4b657964"
                         "706b2d316a53747265616d4e616d656464656d6f")
    status, answer = call_cbor(sandbox, "PutRecords", body)
    assert status == 200 and answer["Records"][0]["ShardId"] == "shardId-000000000003"
    records = read_all(sandbox, "shardId-000000000003")["Records"]
    assert records[-1]["Data"] == b"hello\n" and records[-1]["PartitionKey"] == "pk-1"


def test_a_timestamp_is_in_milliseconds(sandbox):
    put = call_cbor(sandbox, "PutRecord", {
        "StreamName": "demo", "Data": b"t", "PartitionKey": "k", "ExplicitHashKey": str(2**126)})[1]
    got = read_all(sandbox, put["ShardId"])["Records"][-1]
    when = got["ApproximateArrivalTimestamp"].value
    for milliseconds, expected in ((when, 1), (when + 1, 0)):
        status, answer = call_cbor(sandbox, "GetShardIterator", {
            "StreamName": "demo", "ShardId": put["ShardId"], "ShardIteratorType": "AT_TIMESTAMP",
            "Timestamp": cbor2.CBORTag(1, milliseconds)})
        assert status == 200, answer
        records = call_cbor(sandbox, "GetRecords", answer)[1]["Records"]
        assert len(records) == expected


def test_both_encodings_show_the_same_stream(sandbox):
    arguments = {"StreamName": "demo"}
    status, as_cbor = call_cbor(sandbox, "DescribeStream", arguments)
    assert status == 200
    as_json = call_json(sandbox, "DescribeStream", arguments)[1]
    created = as_cbor["StreamDescription"].pop("StreamCreationTimestamp")
    assert abs(created.value / 1000 -
               as_json["StreamDescription"].pop("StreamCreationTimestamp")) < 0.0011
    assert as_cbor == as_json
    for operation in ("ListShards", "DescribeLimits"):
        assert call_cbor(sandbox, operation, arguments)[1] == call_json(sandbox, operation, arguments)[1]


def test_errors_are_cbor_too(sandbox):
    status, answer = call_cbor(sandbox, "DescribeStream", {"StreamName": "nix"})
    assert status == 400 and answer["__type"] == "ResourceNotFoundException"
    assert "not found" in answer["message"]
    status, answer = call_cbor(sandbox, "PutRecords", {"StreamName": "demo", "Records": []})
    assert status == 400 and answer["__type"] == "ValidationException"


@pytest.mark.parametrize("body", [
    b"\xff", b"\xa1", b"\xbf", b"\x80", b"\x01", b"{}", b"\xa0\xa0", b"\xbf\x00",
    cbor2.dumps({"StreamName": "demo", "Records": [{"Data": "text", "PartitionKey": "k"}]}),
    cbor2.dumps({"StreamName": "demo", "Records": [{"Data": b"x", "PartitionKey": 5}]}),
    cbor2.dumps({"StreamName": "demo", "Records": 5}),
    cbor2.dumps({"StreamName": "demo", "Records": [5]}),
    cbor2.dumps({5: "demo"}),
    b"\xa1jStreamName" + b"\x81" * 200 + b"\x00",
    b"\xa1gRecords\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xa1gRecords\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
])
def test_broken_bodies_are_not_serializable(sandbox, body):
    for operation in ("PutRecords", "ListStreams"):
        status, answer = call_cbor(sandbox, operation, body)
        if operation == "ListStreams" and status == 200:
            continue
        assert status == 400 and answer["__type"] == "SerializationException"
    assert call_cbor(sandbox, "PutRecords", body)[0] == 400


def test_firehose_speaks_cbor_as_well(sandbox):
    status, answer = call_cbor(sandbox, "PutRecordBatch", {
        "DeliveryStreamName": "demo", "Records": [{"Data": b"\x00\xff"}]}, service="firehose")
    assert status == 200 and answer["FailedPutCount"] == 0
    assert answer["RequestResponses"][0]["RecordId"]
    assert call_json(sandbox, "PutRecord", {
        "DeliveryStreamName": "demo", "Record": {"Data": b64(b"x")}}, service="firehose")[0] == 200
