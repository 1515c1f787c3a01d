"""The command line as a person uses it."""

import json
import pathlib
import signal
import socket
import subprocess

from support.agent import BUILD, Agent, kinesis_flow
from support.oracle import Ledger, read_stream
from support.waiting import wait_until


def kintail(*arguments, **options):
    return subprocess.run([BUILD / "kintail", *arguments], capture_output=True, text=True,
                          timeout=30, check=False, **options)


def test_version_help_and_unknown_verbs():
    assert kintail("--version").stdout.startswith("kintail ")
    assert "kintail run" in kintail("--help").stdout
    assert "kintail run" in kintail("check", "--help").stdout
    assert "kintail run" in kintail("check", "--print", "--help").stdout
    assert "kintail run" in kintail("-h").stdout
    unknown = kintail("shipp")
    assert unknown.returncode == 64 and '"shipp"' in unknown.stderr
    unknown = kintail("status", "--jsn")
    assert unknown.returncode == 64 and unknown.stderr.startswith("kintail status: ") and "'--jsn'" in unknown.stderr


def test_check_names_every_mistake_with_its_place(tmp_path):
    config = tmp_path / "k.yaml"
    config.write_text(
        "version: 1\nregion: eu-west-1\nflows:\n"
        "  - name: web\n    files: [/var/log/a]\n    to: {kinesis: {steam: x}}\n"
        "  - name: Web\n    files: /var/log/b\n    to: {firehose: {stream: y}}\n", encoding="utf-8")
    result = kintail("check", "--config", config)
    assert result.returncode == 78
    assert f"{config}:6:" in result.stderr and 'did you mean "stream"?' in result.stderr
    assert f"{config}:7:" in result.stderr


def test_check_print_is_read_back(tmp_path):
    config = tmp_path / "k.yaml"
    config.write_text("version: 1\nregion: eu-west-1\nflows:\n  - name: web\n"
                      "    files: [/var/log/a]\n    to: {kinesis: {stream: x}}\n", encoding="utf-8")
    printed = kintail("check", "--config", config, "--print")
    assert printed.returncode == 0, printed.stderr
    again = tmp_path / "again.yaml"
    again.write_text(printed.stdout, encoding="utf-8")
    assert kintail("check", "--config", again, "--print").stdout == printed.stdout


def test_try_shows_what_would_be_shipped(tmp_path):
    config = tmp_path / "k.yaml"
    config.write_text("version: 1\nregion: eu-west-1\nflows:\n  - name: web\n"
                      "    files: [/var/log/a]\n    convert: [{preset: common}]\n"
                      "    to: {kinesis: {stream: x}}\n", encoding="utf-8")
    result = kintail("try", "--config", config, "--flow", "web",
                     input='1.2.3.4 - bob [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 23\n')
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[0])["authuser"] == "bob"


def test_one_daemon_a_state_directory(sandbox, tmp_path):
    agent = Agent(tmp_path / "a", [kinesis_flow(tmp_path / "x", to={"endpoint": sandbox.url})])
    agent.start()
    second = agent.command("run", "--config", agent.config_path)
    assert second.returncode == 69
    assert str(agent.process.pid) in second.stderr
    agent.stop()


def test_status_for_people_and_without_an_agent(sandbox, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("one\ntwo\n", encoding="utf-8")
    agent = Agent(tmp_path / "a", [kinesis_flow(log, to={"endpoint": sandbox.url})]).start()
    agent.wait_settled(2)
    table = agent.command("status", "--config", agent.config_path, "--files").stdout
    assert "flow web: running" in table and str(log) in table
    files = wait_until(lambda: agent.flow()["files"], 10, "the list of files")
    assert [(f["path"], f["position"], f["size"]) for f in files] == [(str(log), 8, 8)]
    agent.stop()
    gone = agent.command("status", "--config", agent.config_path)
    assert gone.returncode == 69 and "is the agent running?" in gone.stderr


def test_a_silent_client_of_the_status_socket_does_not_hold_the_agent(sandbox, tmp_path):
    agent = Agent(tmp_path / "a", [kinesis_flow(tmp_path / "x", to={"endpoint": sandbox.url})])
    agent.start()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(agent.settings["status_socket"])
        assert agent.status()["state"] == "running"
    agent.stop()


def test_queue_lists_positions_and_dead_letters(sandbox, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("good 1\nbad\n", encoding="utf-8")
    flow = kinesis_flow(log, convert=[{"regex": r"(?<word>\w+) (?<n>\d+)"}],
                        on_mismatch="dead_letter", to={"endpoint": sandbox.url})
    agent = Agent(tmp_path / "a", [flow])
    assert agent.run_once() == 0, agent.log()
    result = kintail("queue", agent.state_dir / "web")
    assert result.returncode == 0, result.stderr
    assert str(log) in result.stdout
    assert "no converter matched" in result.stdout
    assert kintail("queue", pathlib.Path("/nonexistent")).returncode == 66


def test_the_queue_of_a_flow_that_has_another_name_now_is_named(sandbox, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("one\n", encoding="utf-8")
    agent = Agent(tmp_path / "a", [kinesis_flow(log, to={"endpoint": sandbox.url})])
    assert agent.run_once() == 0, agent.log()
    assert "queue of no flow" not in agent.log()
    agent.flows[0]["name"] = "site"
    agent.write_config()
    assert agent.run_once() == 0, agent.log()
    assert f"{agent.state_dir}/web is the queue of no flow" in agent.log()


def test_the_name_of_a_file_does_not_steer_the_terminal(sandbox, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a\x1b[2J\nb.log").write_text("x\n", encoding="utf-8")
    agent = Agent(tmp_path / "a", [kinesis_flow(tmp_path / "logs" / "*",
                                                to={"endpoint": sandbox.url})])
    agent.start()
    agent.wait_settled(1)
    shown = kintail("status", "--config", agent.config_path, "--files", env=agent.environment)
    assert "/logs/a?[2J?b.log\n" in shown.stdout, shown
    agent.terminate()


def test_a_hangup_ends_nothing(sandbox, tmp_path):
    agent = Agent(tmp_path / "a", [kinesis_flow(tmp_path / "x", to={"endpoint": sandbox.url})])
    agent.start()
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "SIGHUP" in agent.log(), 10, "the signal to be noticed")
    assert agent.status()["state"] == "running"
    assert agent.terminate() == 0


def test_a_flow_that_cannot_start_does_not_stop_the_others(make_sandbox, tmp_path):
    sandbox = make_sandbox("--stream", "demo:4", "--no-limits")
    ledger = Ledger()
    log = tmp_path / "app.log"
    log.write_text("".join(ledger.line(width=10000) + "\n" for _ in range(4000)), encoding="utf-8")
    good = kinesis_flow(log, to={"endpoint": sandbox.url})
    bad = {**kinesis_flow(tmp_path / "b.log", to={"endpoint": sandbox.url}), "name": "bad"}
    agent = Agent(tmp_path / "a", [bad, good])
    agent.state_dir.mkdir()
    (agent.state_dir / "bad").write_text("in the way of the directory", encoding="utf-8")
    assert agent.run_once() == 74
    assert "flow bad: cannot open its queue" in agent.log()
    ledger.compare(data for _, data in read_stream(sandbox)).check()
