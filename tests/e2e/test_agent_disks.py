"""Disks under the queue that fill up, fail and come back (SCORECARD Q5)."""

import os
import pathlib
import subprocess

import pytest

from support.agent import Agent, kinesis_flow
from support.disk import Disk
from support.namespace import Namespace
from support.oracle import Ledger, read_stream
from support.privilege import needs_loop_mounts, needs_mounts
from support.waiting import wait_until

LINES = 12000
WIDTH = 1000


class Case:
    """An agent whose state is on a mount of its own, and a service that takes nothing for now."""

    def __init__(self, sandbox, tmp_path):
        self.sandbox = sandbox
        self.namespace = Namespace()
        self.mount_point = tmp_path / "disk"
        self.mount_point.mkdir()
        self.log = tmp_path / "app.log"
        self.ledger = Ledger()
        self.agent = Agent(tmp_path / "a", [kinesis_flow(self.log, to={"endpoint": sandbox.url})], settings={
            "state_dir": str(self.mount_point / "state"), "queue": {"min_free": "0B", "sync": "100ms"},
            "shutdown_timeout": "500ms"})
        sandbox.faults(error_500=1.0)

    def start(self):
        self.agent.start(wrapper=self.namespace.enter)

    def write(self, lines=LINES):
        with self.log.open("a", encoding="utf-8") as file:
            for _ in range(lines):
                file.write(self.ledger.line(width=WIDTH) + "\n")

    def wait_for_failure(self, *texts):
        texts = texts or ("cannot write to the queue",)
        wait_until(lambda: any(text in self.agent.log() for text in texts) or self.agent.exited(), 30,
                   "the disk to fail")
        assert not self.agent.exited(), self.agent.log()

    def ballast(self, size):
        """Fills the disk up to what is needed; returns its path."""
        path = self.namespace.path(self.mount_point / "ballast")
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        return path

    def check(self):
        self.sandbox.no_faults()
        books = self.agent.wait_settled(len(self.ledger.written))
        assert books["read"]["records"] == len(self.ledger.written), books
        assert books["lost_bytes"] == 0 and books["damaged"]["records"] == 0, books
        assert self.agent.terminate() == 0, self.agent.log()
        self.ledger.compare(data for _, data in read_stream(self.sandbox)).check()


@pytest.fixture
def made(sandbox, tmp_path):
    case = Case(sandbox, tmp_path)
    yield case
    case.agent.stop()
    case.namespace.end()


@pytest.fixture
def disk(made, tmp_path):
    """Makes the one disk of a test."""
    disks = []

    def make(directory=tmp_path, *options, size=16 << 20):
        disks.append(Disk(directory, made.mount_point, *options, size=size))
        disks[0].mount(made.namespace)
        return disks[0]

    yield make
    made.agent.stop()
    for each in disks:
        made.namespace.run("umount", "--lazy", str(made.mount_point))
        each.detach()


@needs_mounts
def test_q5_a_full_tmpfs_that_gets_space_again(made):
    made.namespace.run("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(made.mount_point))
    ballast = made.ballast(6 << 20)
    made.start()
    made.write()
    made.wait_for_failure()
    ballast.unlink()
    made.check()


@needs_loop_mounts
def test_q5_a_full_ext4_that_gets_space_again(made, disk):
    disk(size=32 << 20)
    ballast = made.ballast(20 << 20)
    made.start()
    made.write()
    made.wait_for_failure()
    ballast.unlink()
    made.check()


@needs_loop_mounts
def test_q5_a_disk_whose_store_is_full_fails_when_it_is_synced(made, disk, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    made.namespace.run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(store))
    disk(made.namespace.path(store), "-O", "^has_journal", size=32 << 20)
    made.start()
    made.write(LINES // 2)
    made.wait_for_failure("the disk failed")
    made.namespace.run("mount", "-o", "remount,size=64m", str(store))
    made.write(LINES // 2)
    made.check()


@needs_loop_mounts
def test_q5_an_ext4_that_goes_read_only_for_an_error(made, disk):
    made_disk = disk(made.log.parent, "-e", "remount-ro")
    loop = made_disk.loops[0]
    trigger = pathlib.Path("/sys/fs/ext4", loop.rpartition("/")[2], "trigger_fs_error")
    if not trigger.exists():
        pytest.skip(f"there is no {trigger}")
    made.start()
    made.write(LINES // 4)
    wait_until(lambda: made.agent.books()["read"]["records"] > 0, 30, "something to be queued")
    trigger.write_text("1", encoding="ascii")
    made.write(LINES // 4)
    made.wait_for_failure("cannot write to the queue", "the disk failed")  # or the sync meets it first
    assert made.agent.terminate() == 0, made.agent.log()
    made_disk.unmount(made.namespace)
    subprocess.run(["fsck.ext4", "-p", "-f", made_disk.image], capture_output=True, check=False)
    made_disk.mount(made.namespace)
    made.start()
    made.check()
