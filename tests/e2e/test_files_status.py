"""What `kintail status --files` says of every file."""

import os

from support.agent import Agent, kinesis_flow
from support.waiting import wait_until


def files_of(agent, flow=None):
    """Path to entry, or None while the agent does not say."""
    files = agent.flow(flow)["files"]
    return None if files is None else {os.path.basename(f["path"]): f for f in files}


def state_of(agent, name):
    return ((files_of(agent) or {}).get(name) or {}).get("state", "")


def test_every_match_has_a_state_also_those_that_are_not_read(sandbox, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "read.log").write_text("one\ntwo\nthr", encoding="utf-8")
    (logs / "empty.log").touch()
    (logs / "directory.log").mkdir()
    os.mkfifo(logs / "fifo.log")
    (logs / "dangling.log").symlink_to(logs / "nowhere")
    (logs / "loop.log").symlink_to(logs / "loop.log")
    (logs / "unmatched.txt").write_text("x\n", encoding="utf-8")
    agent = Agent(tmp_path / "a", [kinesis_flow(logs / "*.log", to={"endpoint": sandbox.url})])
    agent.start().wait_settled(2)
    files = wait_until(lambda: files_of(agent), 10, "the list of files")
    states = {name: f["state"] for name, f in files.items()}
    assert states == {
        "read.log": "at end",
        "empty.log": "at end",
        "directory.log": "not read: a directory",
        "fifo.log": "not read: not a regular file",
        "dangling.log": "not read: a symbolic link that leads nowhere",
        "loop.log": "not read: a loop of symbolic links",
    }
    read = files["read.log"]
    assert (read["position"], read["size"], read["lag"]) == (11, 11, 0)
    assert read["generation"] > 0 and files["fifo.log"]["generation"] == 0
    table = agent.command("status", "--config", agent.config_path, "--files", "web").stdout
    assert str(logs / "read.log") in table and "not read: a directory" in table
    other = agent.command("status", "--config", agent.config_path, "other")
    assert other.returncode == 66 and 'no flow "other"' in other.stderr
    agent.stop()


def test_a_renamed_file_departs_and_is_done(sandbox, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    log = logs / "app.log"
    log.write_text("one\n", encoding="utf-8")
    flow = kinesis_flow(logs / "app.log*", to={"endpoint": sandbox.url}, close_after="2s")
    agent = Agent(tmp_path / "a", [flow]).start()
    agent.wait_settled(1)
    first = wait_until(lambda: files_of(agent), 10, "the list of files")["app.log"]["generation"]
    log.rename(logs / "app.log.1")
    log.write_text("two\n", encoding="utf-8")
    wait_until(lambda: state_of(agent, "app.log.1").startswith("departing: renamed"), 10,
               "the renamed file to depart")
    wait_until(lambda: state_of(agent, "app.log.1").startswith("done"), 10, "its end")
    files = wait_until(lambda: files_of(agent), 10, "the list of files")
    assert files["app.log.1"]["generation"] == first
    assert files["app.log"]["generation"] != first
    agent.stop()
