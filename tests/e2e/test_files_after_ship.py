"""`after_ship`: rotated files go once every flow has shipped all of them; the live file never does."""

import os
import random
import subprocess
import threading

import pytest

from support.agent import Agent, kinesis_flow
from support.file_case import FileCase
from support.waiting import wait_until


def make(sandbox, tmp_path, after_ship="delete", pattern="app.log*", **more):
    return FileCase(sandbox, tmp_path, pattern, settings={"shutdown_timeout": "500ms"},
                    ordered=False, after_ship=after_ship, close_after="200ms", **more)


@pytest.fixture(name="case")
def make_case(sandbox, tmp_path):
    made = make(sandbox, tmp_path)
    yield made
    made.agent.stop()


def gone(path, seconds=15):
    wait_until(lambda: not path.exists(), seconds, f"{path} to go")


def counter(case, name):
    return case.agent.flow()["counters"][name]


def hidden(case):
    return [n for n in os.listdir(case.logs) if n.startswith(".kintail")]


def test_a_rotated_file_goes_when_it_is_shipped_and_the_live_one_stays(case):
    case.start()
    case.write(20)
    case.settled()
    case.rotate()
    case.write(20)
    gone(case.rotated(1))
    wait_until(lambda: f"all of {case.rotated(1)} is shipped; deleted" in case.agent.log(), 10, "the log line")
    wait_until(lambda: counter(case, "files_deleted") == 1, 10, "the counter")
    case.rotate()
    case.write(20)
    gone(case.rotated(1))
    assert case.log.exists()
    case.check()
    assert case.log.exists() and not hidden(case)


def test_nothing_goes_before_it_is_shipped(case):
    case.start()
    case.sandbox.faults(error_500=1.0)
    case.write(20)
    wait_until(lambda: case.agent.books()["read"]["records"] == 20, 10, "all of it to be read")
    case.rotate()
    case.write(5)
    state = lambda: {f["path"]: f["state"] for f in case.agent.flow()["files"] or []}
    wait_until(lambda: state().get(str(case.rotated(1)), "").startswith("done"), 15, "its end")
    wait_until(lambda: case.agent.flow()["counters"]["request_failures"] > 3, 15, "failures")
    assert case.rotated(1).exists()
    case.sandbox.no_faults()
    gone(case.rotated(1))
    case.check()


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_what_was_rotated_before_a_restart_goes_after_it(case, end):
    case.start()
    case.write(20)
    case.settled()
    case.sandbox.faults(error_500=1.0)
    case.write(20)
    case.rotate()
    case.write(20)
    wait_until(lambda: case.agent.books()["read"]["records"] == 60, 10, "all of it to be read")
    getattr(case.agent, end)()
    case.rotate()  # app.log.1 and app.log.2 are there now, one of them rotated while it was away
    case.write(20)
    case.agent.start()
    case.sandbox.no_faults()
    gone(case.rotated(1))
    gone(case.rotated(2))
    case.check()
    assert case.log.exists() and not hidden(case)


def test_a_file_that_was_renamed_to_what_no_pattern_matches_goes_too(sandbox, tmp_path):
    case = make(sandbox, tmp_path, pattern="app.log")
    case.start()
    case.write(20)
    case.settled()
    old = case.logs / "old-app"
    case.log.rename(old)
    case.write(20)
    gone(old)
    case.check()


def test_it_is_moved_and_a_taken_name_gets_a_number(sandbox, tmp_path):
    target = tmp_path / "shipped"
    target.mkdir()
    case = make(sandbox, tmp_path, {"move": str(target)})
    case.start()
    contents = []
    for i in range(3):
        case.write(10 + i)
        case.settled()
        contents.append(case.log.read_bytes())
        case.rotate()
        gone(case.rotated(1))
    names = sorted(os.listdir(target))
    assert names == ["app.log.1", "app.log.1-1", "app.log.1-2"]
    assert [(target / n).read_bytes() for n in names] == contents
    assert counter(case, "files_moved") == 3
    case.check()


def test_a_directory_that_goes_missing_is_waited_for(sandbox, tmp_path):
    target = tmp_path / "shipped"
    target.mkdir()
    case = make(sandbox, tmp_path, {"move": str(target)})
    case.start()
    case.write(20)
    case.settled()
    target.rmdir()
    case.rotate()
    wait_until(lambda: "the directory to move it to is not there" in
               case.files().get("app.log.1", {}).get("after_ship", ""), 15, "the reason")
    assert "the directory to move it to is not there" in case.agent.log()
    target.mkdir()
    gone(case.rotated(1))
    assert (target / "app.log.1").exists()
    case.check()


def test_a_directory_that_cannot_be_moved_to_is_refused_at_the_start(sandbox, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    for target, why in [("/proc", "is not on the filesystem of"),
                        (logs, "match the patterns of the flow"),
                        (tmp_path / "missing", "No such file")]:
        flow = kinesis_flow(logs / "app.log*", to={"endpoint": sandbox.url},
                            after_ship={"move": str(target)})
        agent = Agent(tmp_path / "a", [flow])
        for verb in ("check", "run"):
            result = agent.command(verb, "--config", agent.config_path)
            assert result.returncode == 78 and why in result.stderr, result


def test_a_file_that_is_open_for_writing_is_not_deleted(case):
    case.start()
    case.write(20)
    case.settled()
    with case.log.open("a", encoding="utf-8") as writer:
        case.rotate()
        case.write(5)
        note = lambda: next((f.get("after_ship", "") for f in case.agent.flow()["files"] or []
                             if f["path"] == str(case.rotated(1))), "")
        wait_until(lambda: "has it open for writing" in note(), 15, "the note")
        _, late = case.lines(1)
        writer.write(late.decode())
    gone(case.rotated(1))
    case.check()


def test_it_waits_for_every_flow_that_matches(sandbox, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    log = logs / "app.log"
    log.write_text("one\n", encoding="utf-8")
    agent = Agent(tmp_path / "a", [
        kinesis_flow(logs / "app.log*", name="web", to={"endpoint": sandbox.url},
                     close_after="200ms", after_ship="delete"),
        kinesis_flow(logs / "app.*", name="other", to={"endpoint": sandbox.url},
                     close_after="200ms", start_at="beginning")],
        settings={"shutdown_timeout": "500ms"})
    broken = [dict(agent.flows[0]),
              {**agent.flows[1], "to": {"kinesis": {"stream": "demo",
                                                    "endpoint": "http://127.0.0.1:1"}}}]
    good, agent.flows = agent.flows, broken
    agent.write_config()
    agent.start().wait_settled(1, name="web")
    log.rename(logs / "app.log.1")

    def note():
        files = agent.flow("web")["files"] or []
        return next((f.get("after_ship", "") for f in files), "")

    wait_until(lambda: "waits for flow other" in note(), 15, "the note")
    assert (logs / "app.log.1").exists()
    agent.terminate()
    agent.flows = good
    agent.write_config()
    agent.start()
    gone(logs / "app.log.1")
    agent.stop()


def test_a_file_of_which_something_was_set_aside_is_kept(sandbox, tmp_path):
    case = make(sandbox, tmp_path, convert=[{"regex": r"(?<word>\w+) (?<n>\d+)"}],
                on_mismatch="dead_letter")
    case.log.write_text("good 1\nbad\n", encoding="utf-8")
    case.start()
    case.agent.wait_settled(2)
    case.rotate()
    good = case.logs / "app.log.good"
    case.log.write_text("good 2\n", encoding="utf-8")
    case.agent.wait_settled(3)
    case.log.rename(good)
    gone(good)
    assert case.rotated(1).exists()
    case.agent.stop()


def test_compressed_members_go_when_their_content_was_read_to_its_end(sandbox, tmp_path):
    case = make(sandbox, tmp_path, compressed=True)
    case.start()
    case.write(20)
    case.settled()
    case.log.rename(case.rotated(1))
    subprocess.run(["gzip", case.rotated(1)], check=True)  # of a log that was read
    case.write(20)
    gone(case.logs / "app.log.1.gz")
    other = case.logs / "app.log.other"
    case.write(20, tmp_path / "other")
    subprocess.run(["gzip", tmp_path / "other"], check=True)
    whole = (tmp_path / "other.gz").read_bytes()
    broken = case.logs / "app.log.broken.gz"
    broken.write_bytes(whole[:-20])
    os.rename(tmp_path / "other.gz", f"{other}.gz")
    gone(case.logs / "app.log.other.gz")
    assert broken.exists()
    assert case.log.exists()
    case.agent.stop()


def test_another_link_stays_and_a_link_that_goes_takes_nothing_with_it(case):
    case.start()
    case.write(20)
    case.settled()
    link = case.logs / "kept"
    os.link(case.log, link)
    case.rotate()
    gone(case.rotated(1))
    assert link.exists()
    case.write(20)
    case.settled()
    second = case.logs / "app.log.second"  # a link that a pattern matches, and that goes again
    os.link(case.log, second)
    names = lambda: {os.path.basename(f["path"]) for f in case.agent.flow()["files"] or []}
    wait_until(lambda: "app.log.second" in names(), 10, "the link to be seen")
    second.unlink()
    wait_until(lambda: "app.log.second" not in names(), 10, "the link to be gone")
    case.write(5)
    case.check()
    assert case.log.exists()


@pytest.mark.parametrize("end", ["", "kill"])
def test_the_live_file_is_never_deleted_while_files_rotate_all_the_time(case, end):
    """Real writes through a descriptor that stays open over the rename for a while."""
    case.start()
    ending = threading.Event()
    chance = random.Random(7)
    rotations = []

    def write():
        file = case.log.open("ab")
        while not ending.wait(0.002):
            _, data = case.lines(chance.randrange(1, 20))
            file.write(data)
            file.flush()
            if chance.randrange(60) == 0:
                case.log.rename(case.rotated(len(rotations) + 1))
                _, late = case.lines(chance.randrange(3))
                file.write(late)  # the writer has not noticed yet
                file.close()
                file = case.log.open("ab")
                rotations.append(1)
        file.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_until(lambda: counter(case, "files_deleted") >= 5, 30, "files to go")
        if end:
            case.agent.kill()
            case.agent.start()
            wait_until(lambda: counter(case, "files_deleted") >= 5, 30, "files to go again")
    finally:
        ending.set()
        writer.join()
    assert case.log.exists() and len(rotations) > 5
    case.check()
    assert case.log.exists() and not hidden(case)
