"""System calls of the running agent that fail, by strace(1) (SCORECARD Q5, D4).

Each test attaches to an agent that reads, queues, syncs, seals, unlinks and sends while its logs rotate,
and makes one kind of call fail again and again. The agent must not end, and when the calls work again
every line must arrive once.
"""

import os
import pathlib
import re
import signal
import subprocess
import time

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
    "descriptors": (4, Failing("openat", "EMFILE", 3)),
    "open": (4, Failing("openat", "EIO", 3)),
    "stat": (8, Failing("statx", "EIO", 3)),
    "listing": (3, Failing("getdents64", "EIO", 2)),
    "read-only": (40, Failing("pwrite64,unlink,rename,ftruncate,mkdir", "EROFS", 0)),
    "undoing a write": (4, Failing("pwrite64", "EIO", 7), Failing("ftruncate", "EIO", 0)),
    "interrupted calls": (30, Failing("pwrite64,pread64,openat,write,read", "EINTR", 3)),
    "memory": (12, Failing("openat,pread64,statx,getdents64,fadvise64", "ENOMEM", 19)),
    "events": (4, Failing("read", "EIO", 40)),
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
    "memory for a wait": (8, Failing("poll", "ENOMEM", 5)),
    "a full socket": (8, Failing("sendto", "EAGAIN", 2)),
    "an empty socket": (8, Failing("recvfrom", "EAGAIN", 2)),
    "options of a socket": (2, Failing("sendto", "ECONNRESET", 9), Failing("setsockopt,getsockopt", "ENOBUFS", 1)),
}
# What fails from the first call of the program on, while it recovers a queue: an agent that ends for it is
# started again, as systemd does it.
START = {
    "reads": Failing("pread64", "EIO", 3),
    "writes": Failing("pwrite64", "EIO", 2),
    "no space": Failing("pwrite64", "ENOSPC", 0),
    "read-only": Failing("pwrite64,unlink,rename,ftruncate,mkdir", "EROFS", 0),
    "syncs": Failing("fdatasync", "EIO", 1),
    "syncs of directories": Failing("fsync", "EIO", 1),
    "opens": Failing("openat", "EMFILE", 9),
    "listings": Failing("getdents64", "EIO", 1),
    "stats": Failing("statx,newfstatat", "EIO", 4),
    "renames": Failing("rename,renameat2,unlink", "EIO", 1),
    "truncation": Failing("ftruncate", "EIO", 0),
    "inotify": Failing("inotify_init1", "EMFILE", 0),
    "watches": Failing("inotify_add_watch", "ENOSPC", 0),
    "locks": Failing("flock,fcntl", "ENOLCK", 1),
    "seeks": Failing("lseek", "EINVAL", 0),
}

# What the program calls that needs no row, and why.
HARMLESS = {
    "starting and ending": "access arch_prctl brk clone3 execve exit exit_group getpid getuid geteuid prlimit64 rseq "
                           "rt_sigaction rt_sigprocmask set_robust_list set_tid_address signalfd4 sysinfo uname",
    "the locks and the memory of the C library, which ends the program when they fail":
        "futex madvise mmap mprotect mremap munmap sched_yield",
    "cannot fail in a way that is told": "close clock_nanosleep getrandom restart_syscall getpeername getsockname",
    "the status socket, which is another's concern": "accept4 bind chmod listen",
    "made once, at the start, and said in the log when it fails": "eventfd2 socketpair",
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


def agent_and_writer(sandbox, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    flow = kinesis_flow(logs / "app.log*", to={"endpoint": sandbox.url}, close_after="500ms",
                        poll_interval="200ms", batch={"max_delay": "20ms"},
                        queue={"max_size": "4MiB", "sync": "100ms"})
    return Agent(tmp_path / "a", [flow]), Writer(logs, Ledger(), seed=1, rotate_each=30, width=400)


def check(sandbox, agent, ledger):
    books = agent.wait_settled(len(ledger.written), seconds=90)
    assert books["read"]["records"] == len(ledger.written), books
    assert books["lost_bytes"] == 0 and books["damaged"]["records"] == 0, books
    assert agent.terminate() == 0, agent.log()
    ledger.compare(data for _, data in read_stream(sandbox)).check(books["maybe_repeated"])


def injected(sandbox, tmp_path, count, *failing):
    agent, writer = agent_and_writer(sandbox, tmp_path)
    agent.start()
    writer.start()
    try:
        with Injection(agent, failing, tmp_path / "strace") as injection:
            wait_until(lambda: injection.count() >= count or agent.exited(), 60,
                       f"{count} failed calls of {failing[-1].calls}")
        assert not agent.exited(), agent.log()
        writer.end()
        check(sandbox, agent, writer.ledger)
    finally:
        writer.end()
        agent.stop()


@pytest.mark.parametrize("what", STORAGE)
def test_q5_storage_that_fails_now_and_then(sandbox, tmp_path, what):
    injected(sandbox, tmp_path, *STORAGE[what])


@pytest.mark.parametrize("what", NETWORK)
def test_d4_a_network_that_fails_now_and_then(sandbox, tmp_path, what):
    injected(sandbox, tmp_path, *NETWORK[what])


class Started:
    """An agent that strace starts, and starts again when it ends, with calls that fail from the first on."""

    def __init__(self, agent, failing, log):
        self.agent = agent
        self.log = log
        self.wrapper = ["strace", "-f", "-qq", "-A", "-o", str(log), "-e", f"trace={failing.calls}", *failing.options()]

    def tries(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.agent.start(wrapper=self.wrapper, wait=False)
            try:
                self.agent.process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                break
        # strace ends as the agent has ended: by itself, not by a signal.
        if self.agent.exited():
            assert self.agent.process.returncode > 0, self.agent.log()
        return "(INJECTED)" in self.log.read_text(encoding="utf-8", errors="replace")


def traced(pid):
    """The process that strace has started."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return int(children[0]) if children else None


@pytest.mark.parametrize("what", START)
def test_q5_calls_that_fail_while_a_queue_is_recovered(sandbox, tmp_path, what):
    agent, writer = agent_and_writer(sandbox, tmp_path)
    agent.start()
    writer.start()
    try:
        wait_until(lambda: agent.books()["acknowledged"]["records"] > 0, 30, "something to recover")
        agent.kill()
        started = Started(agent, START[what], tmp_path / "strace")
        assert started.tries(1.0), "nothing has failed"
        if not agent.exited():
            os.kill(traced(agent.process.pid), signal.SIGKILL)
            agent.process.wait()
        writer.end()
        agent.start()
        check(sandbox, agent, writer.ledger)
    finally:
        writer.end()
        agent.stop()


def test_q5_every_call_of_the_program_has_a_row(sandbox, tmp_path):
    agent, writer = agent_and_writer(sandbox, tmp_path)
    counts = tmp_path / "counts"
    agent.start(wrapper=["strace", "-f", "-qq", "-c", "-U", "name", "-o", str(counts)])
    writer.start()
    try:
        wait_until(lambda: agent.books()["acknowledged"]["records"] > 1000, 60, "something to be shipped")
        os.kill(traced(agent.process.pid), signal.SIGTERM)
        agent.wait()
    finally:
        writer.end()
        agent.stop()
    made = set(re.findall(r"^ *(\w+)$", counts.read_text(encoding="utf-8"), re.MULTILINE)) - {"syscall", "total"}
    rows = [failing for _, *row in [*STORAGE.values(), *NETWORK.values()] for failing in row]
    failing = {call for row in [*rows, *START.values()] for call in row.calls.split(",")}
    assert {"pwrite64", "fdatasync", "sendto"} <= made
    assert made - failing - set(" ".join(HARMLESS.values()).split()) == set()
