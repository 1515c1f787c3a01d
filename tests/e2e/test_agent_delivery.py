"""The main job: lines of a file arrive in a stream, whatever the service and the encoding."""

import json
import shutil
import subprocess

import pytest

from support.agent import Agent, firehose_flow, kinesis_flow
from support.oracle import Ledger, delivered, read_stream
from support.waiting import wait_until


def write_lines(path, ledger, count, **options):
    with path.open("a", encoding="utf-8") as file:
        for _ in range(count):
            file.write(ledger.line(**options) + "\n")


@pytest.mark.parametrize("wire", ["cbor", "json"])
def test_every_line_arrives_in_kinesis(sandbox, tmp_path, wire):
    ledger = Ledger()
    log = tmp_path / "access.log"
    write_lines(log, ledger, 5000)
    agent = Agent(tmp_path / "a", [kinesis_flow(log, to={"wire": wire, "endpoint": sandbox.url})])
    agent.start()
    write_lines(log, ledger, 5000)
    books = agent.wait_settled(10000)
    assert books["acknowledged"]["records"] == 10000
    assert books["acknowledged"]["bytes"] == log.stat().st_size
    assert agent.terminate() == 0
    records = read_stream(sandbox)
    ledger.compare(data for _, data in records).check()
    assert all(data.endswith(b"\n") and data.count(b"\n") == 1 for _, data in records)
    assert len({shard for shard, _ in records}) == 4, "random keys reach every shard"


def test_every_line_arrives_in_firehose(keeping_sandbox, tmp_path):
    ledger = Ledger()
    log = tmp_path / "app.log"
    write_lines(log, ledger, 3000, width=150)
    flow = firehose_flow(log, to={"endpoint": keeping_sandbox.url})
    agent = Agent(tmp_path / "a", [flow])
    assert agent.run_once() == 0, agent.log()
    lines = delivered(keeping_sandbox)
    ledger.compare(lines).check()
    assert sorted(lines) == sorted(log.read_bytes().splitlines())


def test_run_once_ships_and_continues_where_it_was(sandbox, tmp_path):
    ledger = Ledger()
    log = tmp_path / "app.log"
    agent = Agent(tmp_path / "a", [kinesis_flow(log, to={"endpoint": sandbox.url})])
    for _ in range(3):
        write_lines(log, ledger, 100)
        assert agent.run_once() == 0, agent.log()
    ledger.compare(data for _, data in read_stream(sandbox)).check()


def test_over_tls_with_a_private_ca(tls_sandbox, tmp_path):
    ledger = Ledger()
    log = tmp_path / "app.log"
    write_lines(log, ledger, 1000)
    agent = Agent(tmp_path / "a", [kinesis_flow(log, to={"endpoint": tls_sandbox.tls_url})],
                  settings={"tls": {"ca_file": str(tls_sandbox.ca_path)}})
    assert agent.run_once() == 0, agent.log()
    ledger.compare(data for _, data in read_stream(tls_sandbox)).check()


def test_an_untrusted_certificate_is_refused_and_nothing_is_lost(tls_sandbox, tmp_path):
    ledger = Ledger()
    log = tmp_path / "app.log"
    write_lines(log, ledger, 10)
    agent = Agent(tmp_path / "a", [kinesis_flow(log, to={"endpoint": tls_sandbox.tls_url})])
    agent.start()
    error = wait_until(lambda: agent.flow()["last_error"], 20, "an error in the status")
    assert "certificate" in error["text"].lower()
    assert agent.books()["queued"]["records"] == 10
    assert agent.terminate() == 0
    agent.settings["tls"] = {"ca_file": str(tls_sandbox.ca_path)}
    agent.write_config()
    assert agent.run_once() == 0, agent.log()
    ledger.compare(data for _, data in read_stream(tls_sandbox)).check()


def test_converted_records_and_filters(sandbox, tmp_path):
    ledger = Ledger()
    log = tmp_path / "access.log"
    with log.open("w", encoding="utf-8") as file:
        for number in range(200):
            health = number % 10 == 0
            identity = ledger.line(filtered=health).split()[-1]
            path = "/health" if health else "/item"
            file.write(f'192.0.2.1 - - [22/Nov/2026:10:00:00 +0000] "GET {path}? {identity} '
                       f'HTTP/1.1" 200 {number} "-" "curl/8"\n')
    flow = kinesis_flow(log, convert=[{"preset": "combined"}], filter={"exclude": ["/health"]},
                        to={"endpoint": sandbox.url})
    agent = Agent(tmp_path / "a", [flow])
    agent.start()
    books = agent.wait_settled(200)
    assert books["filtered"]["records"] == 20
    records = [data for _, data in read_stream(sandbox)]
    ledger.compare(records).check()
    parsed = json.loads(records[0])
    assert parsed["host"] == "192.0.2.1" and parsed["response"] == 200
    agent.stop()


def test_the_partition_key_comes_from_a_field(sandbox, tmp_path):
    log = tmp_path / "events.json"
    with log.open("w", encoding="utf-8") as file:
        for number in range(100):
            file.write(json.dumps({"user": f"u{number % 5}", "n": number}) + "\n")
    flow = kinesis_flow(log, convert=[{"json": {}}],
                        to={"endpoint": sandbox.url, "partition_key": {"field": "user"}})
    agent = Agent(tmp_path / "a", [flow])
    assert agent.run_once() == 0, agent.log()
    shards_of = {}
    for shard, data in read_stream(sandbox):
        shards_of.setdefault(json.loads(data)["user"], set()).add(shard)
    assert len(shards_of) == 5
    assert all(len(shards) == 1 for shards in shards_of.values())


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not installed")
def test_the_aws_cli_reads_what_arrived(sandbox, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("hello from kintail\n", encoding="utf-8")
    agent = Agent(tmp_path / "a", [kinesis_flow(log, to={"endpoint": sandbox.url})])
    assert agent.run_once() == 0, agent.log()

    def aws(*arguments):
        result = subprocess.run(
            ["aws", "--endpoint-url", sandbox.url, "--region", "eu-west-1", "--output", "json",
             "kinesis", *arguments],
            env={"PATH": "/usr/bin:/bin", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                 "AWS_SECRET_ACCESS_KEY": "secret"}, capture_output=True, text=True, check=True)
        return json.loads(result.stdout)

    records = []
    for shard in aws("list-shards", "--stream-name", "demo")["Shards"]:
        iterator = aws("get-shard-iterator", "--stream-name", "demo", "--shard-id",
                       shard["ShardId"], "--shard-iterator-type", "TRIM_HORIZON")["ShardIterator"]
        records += aws("get-records", "--shard-iterator", iterator)["Records"]
    assert [record["Data"] for record in records] == ["aGVsbG8gZnJvbSBraW50YWlsCg=="]
