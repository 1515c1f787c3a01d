"""kintail-sandbox as a process: its options, its clients and its control interface."""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import urllib.request

import boto3
from botocore.config import Config

BUILD = pathlib.Path(os.environ.get("KINTAIL_BUILD", pathlib.Path(__file__).parents[3] / "build"))
KEY_ID = "AKIDEXAMPLE"
SECRET = "secret"
REGION = "eu-west-1"
ACCOUNT = "123456789012"
SESSION = boto3.session.Session()  # kept: to load the models anew costs a tenth of a second


class Sandbox:
    """One kintail-sandbox on a free port.

    Signatures are verified with the key above unless `verify` is false. `options` go to the command
    line as they are.
    """

    def __init__(self, directory, *options, verify=True, tls=False):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log_path = self.directory / "sandbox.log"
        self.ca_path = self.directory / "ca.pem"
        self.options = ["--region", REGION, "--account", ACCOUNT, *map(str, options)]
        if "--listen" not in self.options:
            self.options += ["--listen", "127.0.0.1:0"]
        if verify:
            self.options += ["--access-key", f"{KEY_ID}:{SECRET}"]
        if tls:
            self.options += ["--tls-listen", "127.0.0.1:0", "--tls-ca-out", str(self.ca_path)]
        self.tls = tls
        self.process = None
        self.url = None
        self.tls_url = None
        self.control_url = None

    def start(self, *more):
        """Starts, or starts again on the same port."""
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [BUILD / "kintail-sandbox", *self.options, *map(str, more)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        self.url = self._listening()
        if self.tls:
            self.tls_url = self._listening()
        self.control_url = self._listening() if "--control" in self.options else self.url
        self.options[self.options.index("--listen") + 1] = self.url.split("//")[1]
        return self

    def _listening(self):
        line = self.process.stdout.readline()
        assert line.startswith("listening http"), f"{line}\n{self.log()}"
        return line.split()[1]

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def stop(self):
        """SIGTERM and the exit status; nothing when it does not run."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        return self._reap()

    def _reap(self):
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the sandbox did not end:\n{self.log()}") from None
        finally:
            self.process.stdout.close()
            self.process = None
        return status

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def address(self):
        host, port = self.url.split("//")[1].rsplit(":", 1)
        return host, int(port)

    def client(self, service="kinesis", retries=False, tls=False, **more):
        """A boto3 client. Without `retries` every error comes through at once."""
        attempts = {"max_attempts": 8, "mode": "standard"} if retries else {"max_attempts": 0}
        return SESSION.client(
            service, endpoint_url=self.tls_url if tls else self.url,
            aws_access_key_id=more.pop("key_id", KEY_ID),
            aws_secret_access_key=more.pop("secret", SECRET),
            aws_session_token=more.pop("token", None),
            region_name=more.pop("region", REGION),
            verify=str(self.ca_path) if tls else None,
            config=Config(retries=attempts, connect_timeout=10, read_timeout=30), **more)

    def connection(self):
        """A plain HTTP connection for requests that no client would send."""
        return http.client.HTTPConnection(*self.address, timeout=30)

    def control(self, resource, document=None):
        """GET, or POST of a document, below /_sandbox/."""
        data = None if document is None else json.dumps(document).encode()
        with urllib.request.urlopen(
                f"{self.control_url}/_sandbox/{resource}", data=data, timeout=30) as answer:
            return json.load(answer)

    def status(self):
        return self.control("status")

    def stream_status(self, name="demo"):
        return next(s for s in self.status()["streams"] if s["stream"] == name)

    def delivery_status(self, name="demo"):
        return next(s for s in self.status()["delivery_streams"] if s["delivery_stream"] == name)

    def faults(self, **faults):
        """Sets faults; the ones that were set before stay."""
        return self.control("faults", faults)

    def no_faults(self):
        return self.control("faults", {"reset": True})

    def limits(self, **limits):
        return self.control("limits", limits)
