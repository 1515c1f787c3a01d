"""Fixtures that the end-to-end tests share."""

import os

import pytest

# The certificates, profiles and proxies of whoever runs the tests must not matter.
for name in [n for n in os.environ if n.startswith("AWS_") or n.lower().endswith("_proxy")]:
    del os.environ[name]
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = "/nonexistent"

from support import agent  # noqa: E402
from support.file_case import RUNNING, FileCase  # noqa: E402
from support.sandbox import Sandbox  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "file_case(**settings): of the flow; see support/file_case.py")


@pytest.fixture(autouse=True)
def no_agent_is_left():
    """A test that fails may not come to where it stops its agent."""
    yield
    while agent.STARTED:
        process = agent.STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def make_sandbox(tmp_path):
    """Starts sandboxes and stops them after the test."""
    started = []

    def make(*options, **more):
        sandbox = Sandbox(tmp_path / f"sandbox{len(started)}", *options, **more)
        started.append(sandbox)
        return sandbox.start()

    yield make
    for sandbox in started:
        if sandbox.process is not None:
            sandbox.stop()


@pytest.fixture
def sandbox(make_sandbox):
    """A sandbox with a stream "demo" of four shards and a delivery stream "demo"."""
    return make_sandbox("--stream", "demo:4", "--delivery-stream", "demo",
                        "--transition-time", "50ms")


@pytest.fixture
def keeping_sandbox(make_sandbox, tmp_path):
    """A sandbox that keeps its data in `data_dir` and can be stopped and started."""
    sandbox = make_sandbox("--stream", "demo:4", "--delivery-stream", "demo", "--data",
                           tmp_path / "data", "--transition-time", "50ms")
    sandbox.data_dir = tmp_path / "data"
    return sandbox


@pytest.fixture
def tls_sandbox(make_sandbox):
    """A sandbox that also serves HTTPS, with a certificate of its own in `ca_path`."""
    return make_sandbox("--stream", "demo:4", tls=True)


@pytest.fixture
def pattern():
    """Of the case's flow; see support/file_case.py."""
    return "app.log"


@pytest.fixture
def variant():
    """What interrupt() of the case does; see support/file_case.py."""
    return RUNNING


@pytest.fixture
def case(make_sandbox, tmp_path, request, pattern, variant):
    """Files, an agent that reads them, and the oracle; see support/file_case.py."""
    marker = request.node.get_closest_marker("file_case")
    sandbox = make_sandbox("--stream", "demo:1", "--no-limits")
    made = FileCase(sandbox, tmp_path, pattern, variant, **(marker.kwargs if marker else {}))
    yield made
    made.agent.stop()
