"""Many files, and inotify at its limits (SCORECARD T13)."""

import os
import pathlib
import subprocess

import pytest

from support.file_case import in_every_variant, with_flow, with_patterns
from support.privilege import needs_user_namespaces
from support.waiting import wait_until

IDLE_FILES = int(os.environ.get("KINTAIL_FILES", "5000"))
ACTIVE_FILES = 100
NEW_FILES = int(os.environ.get("KINTAIL_NEW_FILES", "5000"))
EVENTS_MAX = pathlib.Path("/proc/sys/fs/inotify/max_queued_events")
many_files = pytest.mark.parametrize("pattern", ["*/*.log"])


def make_files(case, count, name="f"):
    """Files with a line each, in directories of a thousand."""
    paths = []
    for number in range(count):
        directory = case.logs / f"{name}{number // 1000}"
        if number % 1000 == 0:
            directory.mkdir()
        paths.append(directory / f"{number}.log")
        case.write(1, paths[-1], f"{name}{number}")
    return paths


def descriptors(case):
    return len(os.listdir(f"/proc/{case.agent.process.pid}/fd"))


@in_every_variant
@many_files
@with_flow(open_files_max=200)
def test_t13_many_idle_files_and_some_active_ones(case):
    paths = make_files(case, IDLE_FILES)
    case.start()
    case.settled()
    active = paths[::max(1, len(paths) // ACTIVE_FILES)][:ACTIVE_FILES]
    for turn in range(4):
        if turn == 2:
            case.interrupt()
        for path in active:
            case.write(1, path, path.stem)
    case.resume()
    case.settled()
    assert descriptors(case) < 200 + 50
    case.check()


@many_files
@pytest.mark.parametrize("limit", ["64:64", "64:4096"])
def test_t13_more_files_than_the_process_may_have_descriptors(case, limit):
    case.wrapper = ("prlimit", f"--nofile={limit}")
    make_files(case, 200)
    case.start()
    case.settled()
    case.check()
    assert ("the system gives 64 descriptors" in case.agent.log()) == (limit == "64:64")


@in_every_variant
@many_files
def test_t13_a_storm_of_new_files(case):
    case.start()
    half = NEW_FILES // 2
    make_files(case, half, "f")
    case.interrupt()
    make_files(case, NEW_FILES - half, "g")
    case.check()


@in_every_variant
@with_patterns("*.log*")
def test_t13_the_queue_of_inotify_overflows(case):
    for number in range(3):
        case.write(10, case.logs / f"{number}.log", str(number))
    case.start()
    case.settled()
    case.agent.freeze()
    try:
        storm = case.logs / "storm"
        for _ in range(int(EVENTS_MAX.read_text(encoding="ascii"))):
            storm.touch()
            storm.unlink()
        for number in range(3):
            case.write(10, case.logs / f"{number}.log", str(number))
        os.rename(case.logs / "0.log", case.logs / "0.log.1")
        case.write(10, case.logs / "0.log", "anew")
        case.write(10, case.logs / "3.log", "3")
    finally:
        case.agent.thaw()
    wait_until(lambda: "the inotify queue overflowed" in case.agent.log(), 20, "the overflow to be told")
    case.interrupt()
    case.write(10, case.logs / "1.log", "1")
    case.check()


def limited(limit, value):
    """The command that lowers a limit of inotify for what it starts: user_namespaces(7), /proc/sys/user."""
    return ["unshare", "--user", "--map-root-user", "sh", "-c",
            f'echo {value} > /proc/sys/user/{limit} && exec "$@"', "limited"]


@needs_user_namespaces
@in_every_variant
@pytest.mark.parametrize("limit, value, said, because", [
    ("max_inotify_watches", 3, "no inotify watches left (fs.inotify.max_user_watches); files are polled",
     "no inotify watches are left (fs.inotify.max_user_watches)"),
    ("max_inotify_instances", 0, "no inotify instance left (fs.inotify.max_user_instances); files are polled",
     "no inotify instance is left (fs.inotify.max_user_instances)"),
], ids=["watches", "instances"])
@many_files
def test_t13_without_inotify_files_are_polled(case, limit, value, said, because):
    case.wrapper = limited(limit, value)
    paths = make_files(case, 10)
    for number in range(10):
        (case.logs / f"other{number}").mkdir()
    case.start()
    wait_until(lambda: said in case.agent.log(), 20, "the agent to say so")
    case.settled()
    for path in paths:
        case.write(10, path, path.stem)
    case.interrupt()
    os.rename(paths[0], paths[0].with_suffix(".old.log"))
    for number in range(10):
        case.write(10, case.logs / f"other{number}" / "new.log", f"n{number}")
    case.write(10, paths[0], "anew")
    case.resume()
    case.settled()
    assert any(file["state"] == "at end, polled" for file in case.files().values())
    watching = case.agent.flow()["watching"]
    assert (watching["method"], watching["polling_because"]) == ("polling", [because])
    assert watching["directories"] >= watching["directories_polled"] > 0
    table = case.agent.command("status", "--config", case.agent.config_path).stdout
    assert f" of {watching['directories']} directories because {because}\n" in table
    case.check_idle()
    case.check()


@needs_user_namespaces
@many_files
def test_t13_each_time_that_watches_run_out_is_said_once(case):
    def set_limit(value):
        subprocess.run(["nsenter", "--user", "--preserve-credentials", "--target", str(case.agent.process.pid),
                        "sh", "-c", f"echo {value} > /proc/sys/user/max_inotify_watches"], check=True)

    def wait_watching(method):
        wait_until(lambda: case.agent.flow()["watching"]["method"] == method, 20, f"watching by {method}")

    case.wrapper = limited("max_inotify_watches", 3)
    make_files(case, 1)
    for number in range(6):
        (case.logs / f"old{number}").mkdir()
    case.start()
    for episode in (1, 2):
        wait_watching("polling")
        set_limit(1000)
        wait_watching("inotify")
        assert case.agent.log().count("no inotify watches left") == episode
        assert case.agent.log().count("there are enough inotify watches again") == episode
        set_limit(3)
        for number in range(3):
            (case.logs / f"new{episode}{number}").mkdir()
            case.write(1, case.logs / f"new{episode}{number}" / "a.log", f"{episode}{number}")
    case.check()
