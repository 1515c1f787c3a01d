"""System calls of the running agent that fail, by strace(1) (SCORECARD Q5, D4).

Each test attaches to an agent that reads, queues, syncs, seals, unlinks and sends while its logs rotate,
and makes one kind of call fail again and again. The agent must not end, and when the calls work again
every line must arrive once.
"""

import re
import subprocess

import pytest

from support.agent import Agent, kinesis_flow
from support.oracle import Ledger, read_stream
from support.waiting import wait_until
from support.writer import Writer

def can_trace():
    result = subprocess.run(["strace", "-qq", "-e", "inject=getpid:error=EIO", "true"],
                            capture_output=True, check=False)
    return result.returncode == 0


pytestmark = pytest.mark.skipif(not can_trace(), reason="strace may not trace or inject here")

class Failing:
    """Calls that fail: each `good` ones one more does, in each thread."""

    def __init__(self, calls, error, good):
        self.calls = calls
        self.error = error
        self.good = good

    def options(self):
        nth = self.good + 1
        return ["-e", f"inject={self.calls}:error={self.error}:when={nth}+{nth}"]


# What fails, and how many failures of the last one a test waits for. Some calls are only made to recover
# from others.
STORAGE = {
    "no space": (8, Failing("pwrite64", "ENOSPC", 7)),
    "quota": (8, Failing("pwrite64", "EDQUOT", 7)),
    "write": (8, Failing("pwrite64", "EIO", 7)),
    "read": (8, Failing("pread64", "EIO", 7)),
    "sync": (2, Failing("fdatasync", "EIO", 2)),
    "sync of a full disk": (2, Failing("fdatasync", "ENOSPC", 2)),
    "sync of a directory": (1, Failing("fdatasync", "EIO", 2), Failing("fsync", "EIO", 1)),
    "rename": (1, Failing("fdatasync", "EIO", 5), Failing("rename,renameat,renameat2", "EIO", 0)),
    "unlink": (8, Failing("unlink,unlinkat", "EROFS", 1)),
    "descriptors": (8, Failing("openat", "EMFILE", 3)),
    "open": (8, Failing("openat", "EIO", 3)),
    "stat": (8, Failing("statx", "EIO", 3)),
    "listing": (8, Failing("getdents64", "EIO", 2)),
    "free space": (8, Failing("statfs,fstatfs", "EIO", 2)),
}
NETWORK = {
    "connect": (4, Failing("sendto", "ECONNRESET", 9), Failing("connect", "ECONNREFUSED", 1)),
    "socket": (4, Failing("sendto", "ECONNRESET", 9), Failing("socket", "EMFILE", 1)),
    "send to a closed connection": (8, Failing("sendto", "EPIPE", 5)),
    "send": (8, Failing("sendto", "ECONNRESET", 5)),
    "receive": (8, Failing("recvfrom", "ECONNRESET", 9)),
    "interrupted receive": (8, Failing("recvfrom", "EINTR", 3)),
    "interrupted wait": (8, Failing("poll", "EINTR", 5)),
}


class Injection:
    """strace attached to the agent until the block ends."""

    def __init__(self, agent, failing, log):
        self.log = log
        self.last = failing[-1].calls.split(",")
        options = [option for each in failing for option in each.options()]
        self.command = ["strace", "-f", "-qq", "-o", str(log), "-p", str(agent.process.pid),
                        "-e", "trace=" + ",".join(each.calls for each in failing), *options]
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=20)

    def count(self):
        if not self.log.exists():
            return 0
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return sum(len(re.findall(rf"\b{call}\b.*\(INJECTED\)", text)) for call in self.last)


def injected(sandbox, tmp_path, count, *failing):
    logs = tmp_path / "logs"
    logs.mkdir()
    ledger = Ledger()
    flow = kinesis_flow(logs / "app.log*", to={"endpoint": sandbox.url}, close_after="500ms",
                        poll_interval="200ms", batch={"max_delay": "20ms"},
                        queue={"max_size": "4MiB", "sync": "100ms"})
    agent = Agent(tmp_path / "a", [flow]).start()
    writer = Writer(logs, ledger, seed=1, rotate_each=30, width=400)
    writer.start()
    try:
        with Injection(agent, failing, tmp_path / "strace") as injection:
            wait_until(lambda: injection.count() >= count or agent.exited(), 60,
                       f"{count} failed calls of {failing[-1].calls}")
        assert not agent.exited(), agent.log()
        writer.end()
        books = agent.wait_settled(len(ledger.written), seconds=90)
        assert books["read"]["records"] == len(ledger.written), books
        assert books["lost_bytes"] == 0 and books["damaged"]["records"] == 0, books
        assert agent.terminate() == 0, agent.log()
        ledger.compare(data for _, data in read_stream(sandbox)).check(books["maybe_repeated"])
    finally:
        writer.end()
        agent.stop()


@pytest.mark.parametrize("what", STORAGE)
def test_q5_storage_that_fails_now_and_then(sandbox, tmp_path, what):
    injected(sandbox, tmp_path, *STORAGE[what])


@pytest.mark.parametrize("what", NETWORK)
def test_d4_a_network_that_fails_now_and_then(sandbox, tmp_path, what):
    injected(sandbox, tmp_path, *NETWORK[what])
