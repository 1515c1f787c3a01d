"""kintail-sandbox fails on command, repeatably."""

import http.client
import json
import socket
import time
import urllib.error
from email.utils import parsedate_to_datetime

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError
from support.oracle import read_with
from support.sandbox import Sandbox
from support.sign import JSON, headers_for, post

BODY = json.dumps({"StreamName": "demo", "Data": "eA==", "PartitionKey": "k"}).encode()
TARGET = "Kinesis_20131202.PutRecord"


def put(sandbox):
    return post(sandbox, BODY, headers_for(sandbox, BODY, TARGET))


def batch(sandbox, count=500):
    return sandbox.client().put_records(StreamName="demo", Records=[
        {"Data": b"x", "PartitionKey": f"k{i}"} for i in range(count)])


def outcomes(sandbox):
    return [r.get("ErrorCode") for r in batch(sandbox)["Records"]]


def test_a_share_of_records_is_refused_with_either_code(sandbox):
    sandbox.limits(write=False)
    sandbox.faults(throttle=0.2, internal_failure=0.1, seed=7)
    got = outcomes(sandbox)
    throttled = got.count("ProvisionedThroughputExceededException")
    failed = got.count("InternalFailure")
    assert 60 <= throttled <= 140 and 20 <= failed <= 70
    assert len(read_with(sandbox.client(retries=True), "demo")) == 500 - throttled - failed
    injected = sandbox.status()["injected"]
    assert (injected["throttle"], injected["internal_failure"]) == (throttled, failed)
    sandbox.no_faults()
    assert outcomes(sandbox) == [None] * 500


def test_the_same_seed_gives_the_same_faults(make_sandbox):
    runs = []
    for seed in (1, 1, 2):
        sandbox = make_sandbox("--stream", "demo:4", "--no-limits", "--seed", seed,
                               "--fault", "throttle=0.3")
        runs.append(outcomes(sandbox))
    assert runs[0] == runs[1] != runs[2]


def test_whole_calls_are_answered_500_and_503(sandbox):
    sandbox.faults(error_500=1)
    status, _, body = put(sandbox)
    assert status == 500 and json.loads(body)["__type"] == "InternalFailure"
    sandbox.faults(error_500=0, error_503=1)
    status, _, body = put(sandbox)
    assert status == 503 and json.loads(body)["__type"] == "ServiceUnavailableException"
    assert sandbox.stream_status()["records"] == 0


def test_credentials_expire_on_command(sandbox):
    sandbox.faults(expired_token=1)
    with pytest.raises(ClientError) as caught:
        sandbox.client().list_streams()
    assert caught.value.response["Error"] == {
        "Code": "ExpiredTokenException",
        "Message": "The security token included in the request is expired"}


@pytest.mark.parametrize("fault, kept", [("reset_before", 0), ("reset_after", 1),
                                         ("close_after", 1)])
def test_connections_end_without_an_answer(sandbox, fault, kept):
    sandbox.faults(**{fault: 1})
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        put(sandbox)
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        sandbox.client().list_streams()
    sandbox.no_faults()
    assert sandbox.stream_status()["records"] == kept
    assert put(sandbox)[0] == 200


def test_a_reset_is_one_on_the_wire(sandbox):
    sandbox.faults(reset_after=1)
    headers = headers_for(sandbox, BODY, TARGET)
    with socket.create_connection(sandbox.address, timeout=10) as plain:
        lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items() if k.lower() != "host")
        plain.sendall(f"POST / HTTP/1.1\r\nHost: {sandbox.url.split('//')[1]}\r\n"
                      f"Content-Length: {len(BODY)}\r\n{lines}\r\n".encode() + BODY)
        try:
            assert plain.recv(100) == b""
        except ConnectionResetError:
            pass
    assert sandbox.stream_status()["records"] == 1


def test_answers_are_cut_off(sandbox):
    sandbox.faults(truncate=1)
    with pytest.raises(http.client.IncompleteRead) as caught:
        put(sandbox)
    assert 0 < len(caught.value.partial) < 200
    assert sandbox.stream_status()["records"] == 1


def test_answers_are_oversize(sandbox):
    sandbox.faults(oversize=1, oversize_bytes=3_000_000)
    status, _, body = put(sandbox)
    assert status == 200 and len(body) == 3_000_000
    assert json.loads(body)["ShardId"].startswith("shardId-")


def test_answers_are_late(sandbox):
    sandbox.faults(latency_ms=150)
    started = time.monotonic()
    assert put(sandbox)[0] == 200
    assert time.monotonic() - started >= 0.15


def test_a_late_answer_does_not_delay_the_others_nor_the_end(sandbox):
    sandbox.faults(latency_ms=60_000, operations=["PutRecord"])
    with socket.create_connection(sandbox.address, timeout=10) as plain:
        headers = headers_for(sandbox, BODY, TARGET)
        lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items() if k.lower() != "host")
        plain.sendall(f"POST / HTTP/1.1\r\nHost: {sandbox.url.split('//')[1]}\r\n"
                      f"Content-Length: {len(BODY)}\r\n{lines}\r\n".encode() + BODY)
        started = time.monotonic()
        assert sandbox.client().list_streams()["StreamNames"] == ["demo"]
        assert sandbox.stop() == 0
        assert time.monotonic() - started < 10


def test_a_wrong_date_is_only_a_wrong_date(sandbox):
    sandbox.faults(date_offset_s=-3600)
    status, headers, _ = put(sandbox)
    assert status == 200
    off = time.time() - parsedate_to_datetime(headers["Date"]).timestamp()
    assert 3590 <= off <= 3610


def test_a_wrong_clock_refuses_good_signatures(sandbox):
    sandbox.faults(clock_offset_s=600)
    status, headers, body = put(sandbox)
    assert status == 400 and json.loads(body)["__type"] == "InvalidSignatureException"
    assert "Signature expired" in json.loads(body)["message"]
    off = parsedate_to_datetime(headers["Date"]).timestamp() - time.time()
    assert 590 <= off <= 610


def test_cbor_is_refused_on_command(sandbox):
    sandbox.faults(no_cbor=1)
    headers = headers_for(sandbox, b"\xa0", "Kinesis_20131202.ListStreams",
                          "application/x-amz-cbor-1.1")
    status, _, body = post(sandbox, b"\xa0", headers)
    assert status == 404 and b"UnknownOperationException" in body
    assert put(sandbox)[0] == 200


def test_only_the_named_operations_and_only_so_many_calls_fail(sandbox):
    sandbox.faults(error_500=1, operations=["PutRecord"], limit=2)
    client = sandbox.client()
    assert client.list_streams()["StreamNames"] == ["demo"]
    assert [put(sandbox)[0] for _ in range(4)] == [500, 500, 200, 200]


def test_a_bad_fault_is_refused_and_changes_nothing(sandbox):
    for document in ({"nix": 1}, {"throttle": 2}, {"throttle": "x"}, {"throttle": 1, "limit": -2},
                     {"operations": ["Nix"]}, {"operations": "PutRecord", "throttle": 7}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            sandbox.faults(**document)
        assert caught.value.code == 400 and json.load(caught.value)["error"]
    assert sandbox.control("faults")["throttle"] == 0
    connection = sandbox.connection()
    connection.request("POST", "/_sandbox/faults", body="[", headers={"Content-Type": JSON})
    assert connection.getresponse().status == 400
    connection.close()


def test_firehose_fails_on_command_too(sandbox):
    sandbox.faults(throttle=0.5, seed=3)
    answer = sandbox.client("firehose").put_record_batch(
        DeliveryStreamName="demo", Records=[{"Data": b"x\n"}] * 200)
    assert 60 <= answer["FailedPutCount"] <= 140
    sandbox.faults(throttle=1)
    with pytest.raises(ClientError) as caught:
        sandbox.client("firehose").put_record(DeliveryStreamName="demo", Record={"Data": b"x"})
    response = caught.value.response
    assert response["Error"]["Code"] == "ServiceUnavailableException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_control_can_have_an_address_of_its_own(tmp_path):
    with Sandbox(tmp_path, "--control", "127.0.0.1:0", "--stream", "demo:1") as sandbox:
        assert sandbox.control_url != sandbox.url
        assert sandbox.status()["streams"][0]["stream"] == "demo"
        connection = sandbox.connection()
        connection.request("GET", "/_sandbox/status")
        assert connection.getresponse().status == 403
        connection.close()
        with pytest.raises(urllib.error.HTTPError) as caught:
            sandbox.control("nix")
        assert caught.value.code == 404
