"""`kintail shipped`: exit 0 only when every byte of a file was delivered by every flow."""

import os
import shutil
import subprocess
import threading

import pytest

from support.agent import BUILD, Agent, kinesis_flow
from support.file_case import FileCase
from support.waiting import wait_until

LOGROTATE = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin")


def shipped(agent, *files, wait="0s"):
    return agent.command("shipped", "--socket", agent.settings["status_socket"], "--wait", wait,
                         *files)


def is_shipped(agent, *files, wait="20s"):
    result = shipped(agent, *files, wait=wait)
    assert result.returncode == 0, (result, agent.log())
    assert result.stderr == ""


@pytest.fixture(name="case")
def make_case(sandbox, tmp_path):
    made = FileCase(sandbox, tmp_path, "app.log*", settings={"shutdown_timeout": "500ms"},
                    ordered=False)
    yield made
    made.agent.stop()


def test_a_file_is_shipped_when_all_of_it_was_acknowledged(case):
    case.write(20)
    case.sandbox.faults(error_500=1.0)
    case.start()
    queued = shipped(case.agent, case.log, wait="1s")
    assert queued.returncode == 1
    assert "not shipped by flow web: at most 20 records of it are queued" in queued.stderr
    case.sandbox.no_faults()
    is_shipped(case.agent, case.log)
    case.check()


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_what_is_shipped_stays_shipped_after_a_restart_and_what_is_not_does_not(case, end):
    case.write(20)
    case.start()
    is_shipped(case.agent, case.log)
    case.sandbox.faults(error_500=1.0)
    other = case.logs / "app.log.other"
    case.write(20, other)
    assert shipped(case.agent, other, wait="1s").returncode == 1
    getattr(case.agent, end)()
    assert shipped(case.agent, case.log).returncode == 69
    case.agent.start()
    assert shipped(case.agent, other).returncode == 1
    case.sandbox.no_faults()
    is_shipped(case.agent, case.log, other)
    case.check()


def test_a_renamed_file_and_another_name_of_it_are_the_same_file(case):
    case.write(20)
    case.start()
    is_shipped(case.agent, case.log)
    elsewhere = case.logs / "kept"  # no pattern matches it
    case.log.rename(elsewhere)
    case.write(5)
    is_shipped(case.agent, elsewhere, case.log)
    link = case.logs / "link"
    os.link(case.log, link)
    is_shipped(case.agent, link)
    case.check()


def test_a_last_line_without_newline_is_not_shipped(case):
    case.log.write_text("whole\nhalf a line", encoding="utf-8")
    case.start()
    result = shipped(case.agent, case.log, wait="1s")
    assert result.returncode == 1
    assert "its last line of 11 bytes has no newline" in result.stderr
    with case.log.open("a", encoding="utf-8") as file:
        file.write(", now whole\n")
    is_shipped(case.agent, case.log)


def test_a_file_that_is_written_all_the_time_is_shipped_as_of_now(case):
    case.start()
    case.write(1)
    is_shipped(case.agent, case.log)
    ending = threading.Event()

    def write():
        while not ending.wait(0.002):
            case.write(3)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            is_shipped(case.agent, case.log, wait="10s")
    finally:
        ending.set()
        writer.join()
    case.check()


def test_what_no_flow_matches_and_what_is_no_file(case):
    case.start()
    (case.logs / "other.txt").write_text("x\n", encoding="utf-8")
    other = shipped(case.agent, case.logs / "other.txt")
    assert other.returncode == 1 and "no flow matches it" in other.stderr
    missing = shipped(case.agent, case.logs / "nothing")
    assert missing.returncode == 66 and "No such file" in missing.stderr
    assert shipped(case.agent, case.logs).returncode == 66
    assert shipped(case.agent).returncode == 64
    assert shipped(case.agent, case.logs, wait="soon").returncode == 64


def test_every_flow_that_matches_has_to_ship_it(sandbox, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("one\n", encoding="utf-8")
    agent = Agent(tmp_path / "a", [
        kinesis_flow(log, name="good", to={"endpoint": sandbox.url}),
        kinesis_flow(log, name="stuck", to={"endpoint": "http://127.0.0.1:1"})])
    agent.start().wait_settled(1, name="good")
    result = shipped(agent, log, wait="500ms")
    assert result.returncode == 1
    assert "flow stuck: at most 1 records" in result.stderr and "flow good" not in result.stderr
    agent.stop()


def test_dead_letters_and_what_start_at_skipped_are_never_shipped(sandbox, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("good 1\nbad\n", encoding="utf-8")
    old = tmp_path / "old.log"
    old.write_text("good 1\n", encoding="utf-8")
    flow = kinesis_flow(log, convert=[{"regex": r"(?<word>\w+) (?<n>\d+)"}],
                        on_mismatch="dead_letter", to={"endpoint": sandbox.url})
    skipping = kinesis_flow(old, name="skipping", start_at="end", to={"endpoint": sandbox.url})
    skipping["start_at"] = "end"
    agent = Agent(tmp_path / "a", [flow, skipping]).start()
    agent.wait_settled(2, name="web")
    for _ in range(2):
        letter = shipped(agent, log, wait="20s")
        assert letter.returncode == 1
        assert "1 records were set aside as dead letters" in letter.stderr
        skipped = shipped(agent, old, wait="20s")
        assert skipped.returncode == 1 and "start_at passed over its beginning" in skipped.stderr
        agent.kill()
        agent.start()
    agent.stop()


def test_what_was_dropped_is_not_shipped_for_ever(sandbox, tmp_path):
    dropped = tmp_path / "a.log"
    kept = tmp_path / "b.log"
    flow = kinesis_flow(tmp_path / "*.log", to={"endpoint": sandbox.url},
                        queue={"max_size": 4 << 20, "when_full": "drop_oldest"})
    sandbox.faults(error_500=1.0)
    agent = Agent(tmp_path / "a", [flow]).start()
    dropped.write_text(("x" * 1000 + "\n") * 9000, encoding="utf-8")
    wait_until(lambda: agent.books()["dropped"]["records"] > 0, 20, "records to be dropped")
    wait_until(lambda: agent.flow()["lag"]["bytes"] < 5 << 20, 20, "the file to be read")
    sandbox.no_faults()
    books = agent.wait_settled(9000)
    kept.write_text("kept\n", encoding="utf-8")
    for end in (agent.terminate, agent.kill, None):
        result = shipped(agent, dropped, wait="20s")
        assert result.returncode == 1
        assert f"{books['dropped']['records']} records were dropped" in result.stderr
        is_shipped(agent, kept)
        entry = next(f for f in agent.flow()["files"] if f["path"] == str(dropped))
        assert entry["dropped"] == books["dropped"]["records"]
        table = agent.command("status", "--config", agent.config_path, "--files").stdout
        assert "records were dropped because the queue was full" in table
        if end:
            end()
            agent.start()
    agent.stop()


def test_what_was_lost_is_named_also_when_its_file_is_gone(sandbox, tmp_path):
    log = tmp_path / "app.log"
    flow = kinesis_flow(log, to={"endpoint": sandbox.url}, queue={"max_size": 4 << 20},
                        close_after="1s")
    sandbox.faults(error_500=1.0)
    agent = Agent(tmp_path / "a", [flow]).start()
    log.write_text(("x" * 1000 + "\n") * 9000, encoding="utf-8")
    wait_until(lambda: agent.flow()["counters"]["queue_waits"] > 0, 20, "the queue to be full")
    size = log.stat().st_size
    wait_until(lambda: [f["size"] for f in agent.flow()["files"]] == [size], 20, "all of it to be seen")
    assert shipped(agent, log).returncode == 1
    os.truncate(log, 0)
    wait_until(lambda: "were gone before they could be read" in agent.log(), 20, "the truncation")
    sandbox.no_faults()  # the count goes through the queue, which may have no room for it
    books = wait_until(lambda: agent.books()["lost_bytes"] and agent.books(), 20, "the loss")
    lost = books["lost_bytes"]
    assert lost > 1 << 20
    for end in (agent.kill, None):
        entries = [f for f in agent.flow()["files"] if f.get("lost_bytes")]
        assert [(f["path"], f["lost_bytes"]) for f in entries] == [(str(log), lost)]
        if end:
            end()
            agent.start()
    with log.open("a", encoding="utf-8") as file:
        file.write("a new life\n")
    is_shipped(agent, log)  # the file that has the name now lost nothing
    agent.stop()


# ---- logrotate ----

def logrotate(directory, config, *options):
    path = directory / "logrotate.conf"
    path.write_text(config, encoding="utf-8")
    path.chmod(0o644)
    return subprocess.run([LOGROTATE, "--force", "--state", directory / "logrotate.state", *options,
                           path], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(LOGROTATE is None, reason="logrotate is not installed")
def test_logrotate_copies_and_truncates_only_what_is_shipped(case, tmp_path):
    os.chmod(tmp_path, 0o755)
    os.chmod(case.logs, 0o755)
    config = f"""{case.log} {{
    su root root
    rotate 3
    copytruncate
    prerotate
        {BUILD}/kintail shipped --socket {case.agent.settings['status_socket']} --wait 5s "$1"
    endscript
}}
"""
    case.start()
    case.write(50)
    done = logrotate(tmp_path, config)
    assert done.returncode == 0, done.stderr
    assert case.rotated(1).exists() and case.log.stat().st_size == 0
    case.sandbox.faults(error_500=1.0)
    case.write(50)
    size = case.log.stat().st_size
    refused = logrotate(tmp_path, config.replace("--wait 5s", "--wait 500ms"))
    assert refused.returncode != 0 and "records of it are queued" in refused.stderr
    assert case.log.stat().st_size == size  # the older ones have been numbered up before
    case.sandbox.no_faults()
    done = logrotate(tmp_path, config)
    assert done.returncode == 0, done.stderr
    assert case.rotated(1).stat().st_size == size and case.log.stat().st_size == 0
    case.check()


@pytest.mark.skipif(LOGROTATE is None, reason="logrotate is not installed")
def test_after_logrotate_has_renamed_a_file_it_is_found_by_its_inode(case, tmp_path):
    os.chmod(tmp_path, 0o755)
    os.chmod(case.logs, 0o755)
    archive = tmp_path / "archive"
    archive.mkdir()
    config = f"""{case.log} {{
    su root root
    rotate 3
    create
    postrotate
        {BUILD}/kintail shipped --socket {case.agent.settings['status_socket']} \\
            --wait 20s "$1.1" && cp "$1.1" {archive}
    endscript
}}
"""
    case.start()
    case.write(50)
    done = logrotate(tmp_path, config)
    assert done.returncode == 0, done.stderr
    case.write(50)
    assert (archive / "app.log.1").read_bytes() == case.rotated(1).read_bytes()
    case.check()
