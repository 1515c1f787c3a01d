"""An implementation of Kinesis that is not ours: kinesis-local from npm."""

import pathlib
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

import boto3
import pytest

from support.agent import Agent, kinesis_flow
from support.oracle import Ledger, read_with
from support.waiting import wait_until

PEER = pathlib.Path(__file__).parent / "peers/node_modules/kinesis-local"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not PEER.exists(), reason="kinesis-local is not installed")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def peer(tmp_path):
    plain, tls = free_port(), free_port()
    log = (tmp_path / "peer.log").open("wb")
    process = subprocess.Popen(
        ["node", "main.js"], cwd=PEER, stdout=log, stderr=log,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "KINESIS_MOCK_PLAIN_PORT": str(plain),
             "KINESIS_MOCK_TLS_PORT": str(tls), "INITIALIZE_STREAMS": "demo:4",
             "LOG_LEVEL": "ERROR", "AWS_REGION": "eu-west-1"})
    url = f"http://127.0.0.1:{plain}"

    def answers():
        try:
            urllib.request.urlopen(url + "/healthcheck", timeout=1)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    wait_until(answers, 60, "kinesis-local to answer")
    yield url
    process.kill()
    process.wait()
    log.close()


@pytest.mark.parametrize("wire", ["cbor", "json"])
def test_every_line_arrives_in_kinesis_local(peer, tmp_path, wire):
    client = boto3.client("kinesis", endpoint_url=peer, region_name="eu-west-1",
                          aws_access_key_id="a", aws_secret_access_key="b")

    def active():
        try:
            summary = client.describe_stream_summary(StreamName="demo")
        except client.exceptions.ResourceNotFoundException:
            return False
        return summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"

    wait_until(active, 30, "the stream to be active")
    ledger = Ledger()
    log = tmp_path / "app.log"
    with log.open("w", encoding="utf-8") as file:
        for _ in range(5000):
            file.write(ledger.line() + "\n")
    agent = Agent(tmp_path / "a", [kinesis_flow(log, to={"endpoint": peer, "wire": wire})])
    assert agent.run_once() == 0, agent.log()
    ledger.compare(data for _, data in read_with(client)).check()
