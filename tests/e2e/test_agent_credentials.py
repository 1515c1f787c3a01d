"""Where the agent finds its keys, against a service that verifies every signature."""

import os

import pytest

from support.agent import Agent, kinesis_flow
from support.metadata import CONTAINER, CONTAINER_TOKEN, ROLE, ROLES, MetadataService
from support.oracle import Ledger, read_stream
from support.sandbox import Sandbox
from support.waiting import wait_until

LINES = 200
ARN = "arn:aws:iam::123456789012:role/logs"


class Keys(tuple):
    """Id and secret, and a session token for temporary ones."""

    def environment(self):
        return dict(zip(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"], self))

    def profile(self, name):
        lines = [f"{key.lower()} = {value}" for key, value in self.environment().items()]
        return "\n".join([f"[{name}]", *lines, ""])


LASTING = Keys(["AKIDLASTING", "lasting/secret"])
SESSION = Keys(["ASIDFIRST", "first/secret", "first//token=="])
NEXT_SESSION = Keys(["ASIDNEXT", "next/secret", "next//token=="])


class Shipping:
    """A sandbox that knows one pair of keys, an agent with an environment, and a file of lines."""

    def __init__(self, directory):
        self.directory = directory
        self.log = directory / "app.log"
        self.log.touch()
        self.ledger = Ledger()
        self.sandbox = None
        self.agent = None

    def serve(self, keys):
        """Starts the sandbox with these keys, or starts it again with other ones."""
        if self.sandbox is None:
            self.sandbox = Sandbox(
                self.directory / "sandbox", "--stream", "demo:1", "--data", self.directory / "data",
                "--access-key", ":".join(keys), verify=False)
        else:
            self.sandbox.stop()
            self.sandbox.options[self.sandbox.options.index("--access-key") + 1] = ":".join(keys)
        self.sandbox.start()

    def start(self, environment, **more):
        flow = kinesis_flow(self.log, to={"endpoint": self.sandbox.url})
        self.agent = Agent(self.directory / "agent", [flow], **more)
        self.agent.environment = {"PATH": os.environ["PATH"], **environment}
        self.agent.start()

    def write(self):
        with self.log.open("a", encoding="utf-8") as file:
            file.writelines(self.ledger.line() + "\n" for _ in range(LINES))

    def wait_settled(self):
        return self.agent.wait_settled(len(self.ledger.written), 30)

    def wait_for_error(self, text):
        """Waits until the last error of the flow says this; nothing may be lost meanwhile."""
        def found():
            error = self.agent.flow()["last_error"]
            return error and text in error["text"] and error["text"]

        error = wait_until(found, 15, f"an error with {text!r}", every=0.1)
        books = self.agent.books()
        assert books["queued"]["records"] == books["read"]["records"], books
        return error

    def finish(self, keys):
        """Everything arrived once, and nobody wrote a secret down."""
        assert self.agent.terminate() == 0, self.agent.log()
        key_id, secret, *token = keys
        client = self.sandbox.client(key_id=key_id, secret=secret, token=token[0] if token else None,
                                     retries=True)
        self.sandbox.client = lambda *_, **__: client
        self.ledger.compare(data for _, data in read_stream(self.sandbox)).check()
        for keys in (LASTING, SESSION, NEXT_SESSION):
            assert not any(secret in self.agent.log() for secret in keys[1:])


@pytest.fixture
def shipping(tmp_path):
    shipping = Shipping(tmp_path)
    yield shipping
    if shipping.agent is not None:
        shipping.agent.stop()
    if shipping.sandbox is not None:
        shipping.sandbox.stop()


def write_file(path, text):
    """Replaces a file, as those who rotate keys should do it."""
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.rename(path)


def test_keys_of_the_environment(shipping):
    shipping.serve(SESSION)
    shipping.write()
    shipping.start(SESSION.environment())
    shipping.wait_settled()
    assert shipping.agent.status()["credentials"] == "from the environment"
    shipping.finish(SESSION)


def test_a_role_is_assumed_with_the_keys_of_a_container(shipping, tmp_path):
    write_file(tmp_path / "config", f"[default]\nrole_arn = {ARN}\ncredential_source = EcsContainer\n")
    with MetadataService(SESSION, role_keys=NEXT_SESSION) as services:
        shipping.serve(NEXT_SESSION)
        shipping.write()
        shipping.start({"AWS_CONFIG_FILE": str(tmp_path / "config"),
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI": services.url + CONTAINER,
                        "AWS_CONTAINER_AUTHORIZATION_TOKEN": CONTAINER_TOKEN,
                        "AWS_ENDPOINT_URL_STS": services.url})
        shipping.wait_settled()
        assert services.asked == [f"GET {CONTAINER}", f"AssumeRole {ARN}"]
        assert shipping.agent.status()["credentials"] == f'from profile "default" with role {ARN}'
        shipping.finish(NEXT_SESSION)


def test_a_wrong_secret_in_a_profile_loses_nothing_and_can_be_mended(shipping, tmp_path):
    path = tmp_path / "keys"
    wrong = Keys([LASTING[0], "mistyped"])
    write_file(path, SESSION.profile("default") + wrong.profile("logs"))
    shipping.serve(LASTING)
    shipping.write()
    shipping.start({"AWS_SHARED_CREDENTIALS_FILE": str(path), "AWS_PROFILE": "logs"})
    error = shipping.wait_for_error("the credentials are refused")
    assert "InvalidSignatureException" in error and "Secret Access Key" in error
    assert shipping.agent.status()["credentials"] == f'from profile "logs" in {path}'
    write_file(path, SESSION.profile("default") + LASTING.profile("logs"))
    shipping.wait_settled()
    shipping.finish(LASTING)


def test_a_profile_that_appears_later_is_found(shipping, tmp_path):
    shipping.serve(LASTING)
    shipping.write()
    shipping.start({"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"})
    error = shipping.wait_for_error("no credentials: ")
    assert "no keys in the configuration, the environment or the shared files" in error
    write_file(tmp_path / ".aws" / "credentials", LASTING.profile("default"))
    shipping.wait_settled()
    shipping.finish(LASTING)


def test_keys_of_the_instance_are_rotated_while_running(shipping):
    with MetadataService(SESSION) as metadata:
        shipping.serve(SESSION)
        shipping.write()
        # A proxy is for the service only, and this one would fail.
        shipping.start({"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url + "/",
                        "http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"})
        shipping.wait_settled()
        assert shipping.agent.status()["credentials"] == f"from role {ROLE} of this instance"
        assert metadata.asked == ["PUT /latest/api/token", f"GET {ROLES}", f"GET {ROLES}{ROLE}"]

        metadata.keys = NEXT_SESSION
        metadata.forget_tokens()
        shipping.serve(NEXT_SESSION)
        shipping.write()
        shipping.wait_settled()
        assert "UnrecognizedClientException" in shipping.agent.log()
        assert metadata.asked.count("PUT /latest/api/token") == 2
        shipping.finish(NEXT_SESSION)
