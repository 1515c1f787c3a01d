"""The programs of the benchmark: what they count is what its numbers rest on."""

import base64
import hashlib
import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess

import cbor2
import pytest

from support.agent import BUILD

BENCH_RUN = pathlib.Path(__file__).parents[2] / "bench" / "run"
BENCH_FILES = BENCH_RUN.with_name("files")
JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"


class Sink:
    """bench/sink, and one client of it."""

    def __init__(self, directory):
        authority = directory / "ca.pem"
        self.process = subprocess.Popen([BUILD / "bench" / "sink", "--ca-out", authority],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        port = json.loads(self.process.stdout.readline())["port"]
        context = ssl.create_default_context(cafile=authority)
        self.client = http.client.HTTPSConnection("127.0.0.1", port, context=context)

    def post(self, target, content_type, body):
        self.client.request("POST", "/", body,
                            {"Content-Type": content_type, "X-Amz-Target": target})
        response = self.client.getresponse()
        answer = response.read()
        read = cbor2.loads if response.headers["Content-Type"] == CBOR else json.loads
        return response.status, response.headers["Content-Type"], read(answer)

    def totals(self):
        self.process.terminate()
        return json.loads(self.process.communicate(timeout=30)[0])


@pytest.fixture
def sink(tmp_path):
    sink = Sink(tmp_path)
    yield sink
    sink.process.kill()
    sink.process.wait()


def records(count):
    return [os.urandom(i % 300) for i in range(count)]


def encoded(data):
    return base64.b64encode(data).decode()


def test_sink_counts_and_accepts_records_in_cbor(sink):
    batch = records(500)
    body = cbor2.dumps({"StreamName": "Data", "Records": [
        {"PartitionKey": "Data", "Data": data} for data in batch]})
    status, content_type, answer = sink.post("Kinesis_20131202.PutRecords", CBOR, body)
    assert (status, content_type, answer["FailedRecordCount"]) == (200, CBOR, 0)
    assert len({entry["SequenceNumber"] for entry in answer["Records"]}) == 500
    totals = sink.totals()
    assert (totals["requests"], totals["records"]) == (1, 500)
    assert totals["data_bytes"] == sum(map(len, batch))
    assert totals["body_bytes"] == len(body)
    assert totals["wire_read_bytes"] > len(body)


def test_sink_counts_and_accepts_records_in_json(sink):
    batch = records(499)
    body = json.dumps({"StreamName": "Data", "Records": [
        {"PartitionKey": 'Data": "\\', "Data": encoded(data)} for data in batch]}).encode()
    status, content_type, answer = sink.post("Kinesis_20131202.PutRecords", JSON, body)
    assert (status, content_type, answer["FailedRecordCount"]) == (200, JSON, 0)
    assert len({entry["SequenceNumber"] for entry in answer["Records"]}) == 499
    totals = sink.totals()
    assert (totals["records"], totals["data_bytes"]) == (499, sum(map(len, batch)))


def test_sink_counts_and_accepts_records_for_firehose(sink):
    batch = records(3)
    body = json.dumps({"Records": [{"Data": encoded(data)} for data in batch],
                       "DeliveryStreamName": "s"}, separators=(",", ":")).encode()
    status, _, answer = sink.post("Firehose_20150804.PutRecordBatch", JSON, body)
    assert (status, answer["FailedPutCount"], len(answer["RequestResponses"])) == (200, 0, 3)
    assert sink.totals()["records"] == 3


def test_sink_refuses_what_it_does_not_know(sink):
    status, _, answer = sink.post("Kinesis_20131202.GetRecords", JSON, b"{}")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")
    assert sink.totals()["requests_refused"] == 1


def test_sink_refuses_more_records_than_the_service_takes(sink):
    body = cbor2.dumps({"Records": [{"Data": b"x", "PartitionKey": "k"}] * 501})
    with pytest.raises((http.client.HTTPException, OSError)):
        sink.post("Kinesis_20131202.PutRecords", CBOR, body)
    totals = sink.totals()
    assert (totals["requests_refused"], totals["records"]) == (1, 0)


def generate(path, seed):
    subprocess.run([BUILD / "bench" / "generate", "--output", path, "--bytes", "2MB",
                    "--seed", str(seed)], check=True)
    return path.read_bytes()


def test_generated_log_is_the_same_for_the_same_seed(tmp_path):
    log = generate(tmp_path / "a", 7)
    assert hashlib.sha256(log).digest() == hashlib.sha256(generate(tmp_path / "b", 7)).digest()
    assert log != generate(tmp_path / "c", 8)
    assert log.endswith(b"\n")
    assert 2_000_000 <= len(log) < 2_001_024
    assert 180 < len(log) / log.count(b"\n") < 220


@pytest.mark.parametrize("options", [("--wire", "cbor"), ("--wire", "json"),
                                     ("--service", "firehose")])
def test_bench_drains_a_log_and_compares_what_arrived(tmp_path, options):
    run = subprocess.run([BENCH_RUN, "--build", BUILD, "--dir", tmp_path, "--size", "2MB",
                          "--runs", "1", "--timeout", "60", *options],
                         capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].split()[0] == "median"
    assert list(tmp_path.iterdir()) == []


def bench_files(directory, *options):
    run = subprocess.run([BENCH_FILES, "--build", BUILD, "--dir", directory, "--timeout", "60",
                          *options], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert list(directory.iterdir()) == []
    titles, row, *rest = run.stdout.splitlines()
    titles = re.split("  +", titles.strip())
    return dict(zip(titles, row.split(), strict=True)), rest


def test_an_idle_file_costs_no_work(tmp_path):
    row, _ = bench_files(tmp_path, "--idle", "2000", "--active", "0", "--seconds", "2",
                         "--settle", "6", "--new", "0", "--storm", "0")
    assert row["idle"] == "2000"
    assert float(row["CPU %"]) < 1  # to look at each of them once a second takes more
    assert int(row["watches"]) == 1 + 4


def test_bench_of_files_counts_what_appears_and_what_grows(tmp_path):
    row, rest = bench_files(tmp_path, "--idle", "10", "--active", "3", "--seconds", "1",
                            "--settle", "0", "--new", "100", "--storm", "30", "--rounds", "1")
    assert row["active"] == "3"
    assert [line.split(",")[0] for line in rest] == ["100 new files",
                                                     "30 directories with a file each"]
