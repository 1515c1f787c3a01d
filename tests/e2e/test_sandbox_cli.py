"""The AWS CLI against kintail-sandbox, and the command line of the sandbox itself."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from support.sandbox import BUILD, KEY_ID, REGION, SECRET
from support.waiting import wait_until

AWS = "/usr/bin/aws" if os.path.exists("/usr/bin/aws") else shutil.which("aws")


@pytest.fixture
def aws(sandbox):
    environment = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": KEY_ID,
                   "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": REGION,
                   "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
                   "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}

    def run(*arguments, fails=False):
        result = subprocess.run(
            [AWS, "--endpoint-url", sandbox.url, "--output", "json", *arguments],
            env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (result.returncode != 0) == fails, result.stderr
        return result.stderr if fails else json.loads(result.stdout or "null")

    return run


def test_the_aws_cli_puts_and_reads_a_record(aws):
    put = aws("kinesis", "put-record", "--stream-name", "demo", "--partition-key", "pk-1",
              "--cli-binary-format", "raw-in-base64-out", "--data", "hello from the command line")
    iterator = aws("kinesis", "get-shard-iterator", "--stream-name", "demo", "--shard-id",
                   put["ShardId"], "--shard-iterator-type", "AT_SEQUENCE_NUMBER",
                   "--starting-sequence-number", put["SequenceNumber"])["ShardIterator"]
    record, = aws("kinesis", "get-records", "--shard-iterator", iterator)["Records"]
    assert record["Data"] == "aGVsbG8gZnJvbSB0aGUgY29tbWFuZCBsaW5l"
    assert record["PartitionKey"] == "pk-1"


def test_the_aws_cli_manages_streams(aws, sandbox):
    aws("kinesis", "create-stream", "--stream-name", "two", "--shard-count", "2")
    # The AWS CLI asks again after 10 s only.
    wait_until(lambda: sandbox.stream_status("two")["status"] == "ACTIVE", 30)
    aws("kinesis", "wait", "stream-exists", "--stream-name", "two")
    assert len(aws("kinesis", "list-shards", "--stream-name", "two")["Shards"]) == 2
    error = aws("kinesis", "describe-stream", "--stream-name", "nix", fails=True)
    assert "ResourceNotFoundException" in error


def test_the_aws_cli_uses_firehose(aws):
    answer = aws("firehose", "put-record", "--delivery-stream-name", "demo",
                 "--cli-binary-format", "raw-in-base64-out", "--record", '{"Data":"x\\n"}')
    assert answer["RecordId"]
    assert aws("firehose", "list-delivery-streams")["DeliveryStreamNames"] == ["demo"]


def run(*arguments):
    return subprocess.run([BUILD / "kintail-sandbox", *arguments], capture_output=True, text=True,
                          timeout=30, check=False)


def test_help_and_version():
    assert run("--help").stdout.startswith("usage: kintail-sandbox")
    assert run("--version").stdout.startswith("kintail-sandbox ")


@pytest.mark.parametrize("arguments", [
    ["--nix"], ["extra"], ["--listen"], ["--stream", "a b:1"], ["--stream", "a:0"],
    ["--stream", "a:x"], ["--stream", "a:10001"], ["--access-key", "x"], ["--access-key", ":x"],
    ["--account", "12"], ["--seed", "x"], ["--fault", "nix=1"], ["--fault", "throttle=2"],
    ["--fault", "throttle"], ["--fault", "throttle=x"], ["--no-limits=nix"], ["--max-memory", "x"], ["--keep", "x"],
    ["--transition-time", "5"], ["--tls-cert", "x"], ["--tls-ca-out", "x"],
    ["--delivery-stream", "a b"]])
def test_a_wrong_option_is_named(arguments):
    result = run(*arguments)
    assert result.returncode == 64
    option = arguments[0].split("=")[0].lstrip("-")
    assert option in result.stderr or "certificate" in result.stderr


@pytest.mark.parametrize("address", ["nix", "127.0.0.1", "256.0.0.1:0", ":", "192.0.2.1:0"])
def test_an_address_that_cannot_be_listened_on_is_named(address):
    result = run("--listen", address)
    assert result.returncode == 69 and address in result.stderr


def test_a_busy_port_is_named(sandbox):
    address = sandbox.url.split("//")[1]
    result = run("--listen", address)
    assert result.returncode == 69 and address in result.stderr


def test_a_certificate_of_ones_own(make_sandbox, tmp_path):
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    sandbox = make_sandbox("--stream", "demo:1", "--tls-cert", certificate, "--tls-key", key,
                           "--tls-listen", "127.0.0.1:0")
    sandbox.tls_url = sandbox._listening()
    sandbox.ca_path = certificate
    assert sandbox.client(tls=True).list_streams()["StreamNames"] == ["demo"]
    assert run("--tls-listen", "127.0.0.1:0", "--tls-cert", "/nonexistent", "--tls-key", "x",
               "--listen", "127.0.0.1:0").returncode == 69


def test_the_manual_names_every_option_operation_fault_limit_and_resource(sandbox):
    root = pathlib.Path(__file__).parents[2]
    page = root.joinpath("docs", "kintail-sandbox.1").read_text(encoding="utf-8")
    operations = root.joinpath("sandbox", "operations.c").read_text(encoding="utf-8")
    names = set(re.findall(r"--([a-z-]+)", run("--help").stdout))
    names |= set(re.findall(r'API_[A-Z]+, "([A-Za-z]+)"', operations))
    names |= set(sandbox.control("faults")) - {"injected"}
    names |= set(sandbox.control("limits")) | {"status", "faults", "limits", "flush"}
    assert len(names) > 60
    words = set(re.findall(r"[A-Za-z0-9_-]+", page.replace("Fl -", "")))
    assert sorted(names - words) == []
