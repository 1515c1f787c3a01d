"""A service and a network that misbehave (SCORECARD D1, D4, O2)."""

import signal
import socket

import pytest

from support.agent import Agent, kinesis_flow, firehose_flow
from support.oracle import Ledger, delivered, read_stream
from support.waiting import wait_until

LINES = 4000
BATCH = {"max_records": 50}  # many calls, so that each fault strikes


def append(log, ledger, lines):
    with log.open("a", encoding="utf-8") as file:
        for _ in range(lines):
            file.write(ledger.line() + "\n")


@pytest.fixture
def written(tmp_path):
    ledger = Ledger()
    log = tmp_path / "app.log"
    append(log, ledger, LINES)
    return log, ledger


def ship(sandbox, tmp_path, log):
    agent = Agent(tmp_path / "a", [kinesis_flow(log, batch=BATCH, to={"endpoint": sandbox.url})])
    return agent.start()


@pytest.mark.parametrize("fault", ["throttle", "internal_failure"])
def test_d1_refused_records_are_sent_again_and_only_those(sandbox, tmp_path, written, fault):
    log, ledger = written
    sandbox.faults(**{fault: 0.3})
    agent = ship(sandbox, tmp_path, log)
    agent.wait_settled(LINES, 90)
    counters = agent.flow()["counters"]
    assert counters["records_refused"] > LINES / 10
    assert counters["records_offered"] == LINES + counters["records_refused"]
    agent.terminate()
    ledger.compare(data for _, data in read_stream(sandbox)).check()


def test_d1_firehose_partial_failures(keeping_sandbox, tmp_path, written):
    sandbox = keeping_sandbox
    log, ledger = written
    sandbox.faults(throttle=0.3)
    agent = Agent(tmp_path / "a", [firehose_flow(log, batch=BATCH, to={"endpoint": sandbox.url})])
    assert agent.run_once(90) == 0, agent.log()
    ledger.compare(delivered(sandbox)).check()


@pytest.mark.parametrize("fault", ["error_500", "error_503", "expired_token"])
def test_d4_calls_that_were_not_accepted_are_not_repeated(sandbox, tmp_path, written, fault):
    log, ledger = written
    sandbox.faults(**{fault: 0.2})
    agent = ship(sandbox, tmp_path, log)
    agent.wait_settled(LINES, 90)
    agent.terminate()
    ledger.compare(data for _, data in read_stream(sandbox)).check()


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "close_after", "truncate", "oversize"])
def test_d4_repeats_after_a_lost_answer_are_counted(sandbox, tmp_path, written, fault):
    log, ledger = written
    sandbox.faults(**{fault: 0.2})
    agent = ship(sandbox, tmp_path, log)
    books = agent.wait_settled(LINES, 90)
    agent.terminate()
    result = ledger.compare(data for _, data in read_stream(sandbox))
    assert fault == "reset_before" or result.repeats > 0, "the fault was not injected"
    result.check(repeats_max=books["maybe_repeated"])


def test_d4_a_name_that_does_not_resolve(sandbox, tmp_path, written):
    log, ledger = written
    flow = kinesis_flow(log, to={"endpoint": "http://kinesis.invalid:4567"})
    agent = Agent(tmp_path / "a", [flow], settings={"shutdown_timeout": "100ms"}).start()
    error = wait_until(lambda: agent.flow()["last_error"], 30, "the error to be shown")
    assert "kinesis.invalid" in error["text"], error
    assert agent.terminate() == 0
    flow["to"]["kinesis"]["endpoint"] = sandbox.url
    agent.write_config()
    assert agent.run_once(90) == 0, agent.log()
    ledger.compare(data for _, data in read_stream(sandbox)).check()


@pytest.fixture
def silent_url():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("how", ["time is over", "second SIGTERM"])
def test_o2_answers_that_never_come_do_not_hold_up_a_stop(sandbox, silent_url, tmp_path, written, how):
    log, ledger = written
    flow = kinesis_flow(log, batch=BATCH, to={"endpoint": silent_url})
    agent = Agent(tmp_path / "a", [flow], settings={
        "shutdown_timeout": "500ms" if how == "time is over" else "10m"}).start()
    wait_until(lambda: agent.flow()["counters"]["records_offered"] > 0, 20, "a request in flight")
    if how == "second SIGTERM":
        agent.process.send_signal(signal.SIGTERM)
        wait_until(lambda: agent.status()["state"] == "stopping", 10, "the stop to begin")
    assert agent.terminate(seconds=20) == 0, agent.log()
    flow["to"]["kinesis"]["endpoint"] = sandbox.url
    agent.write_config()
    assert agent.run_once(90) == 0, agent.log()
    ledger.compare(data for _, data in read_stream(sandbox)).check()


@pytest.mark.parametrize("timeout", ["200ms", "30s"])
def test_o2_sigterm_under_load(sandbox, tmp_path, written, timeout):
    log, ledger = written
    sandbox.faults(latency_ms=100)
    agent = Agent(tmp_path / "a", [kinesis_flow(log, batch=BATCH, to={"endpoint": sandbox.url})],
                  settings={"shutdown_timeout": timeout})
    for _ in range(5):
        agent.start()
        wait_until(lambda: agent.books()["read"]["records"] > 0, 10, "reading to begin")
        append(log, ledger, LINES // 2)
        assert agent.terminate() == 0, agent.log()
    assert agent.run_once(90) == 0, agent.log()
    ledger.compare(data for _, data in read_stream(sandbox)).check()


def test_o2_a_second_sigterm_ends_at_once(sandbox, tmp_path, written):
    log, ledger = written
    sandbox.faults(error_500=1.0)
    agent = ship(sandbox, tmp_path, log)
    agent.settings["shutdown_timeout"] = "10m"
    agent.stop()
    agent.write_config()
    agent.start()
    wait_until(lambda: agent.books()["queued"]["records"] == LINES, 20, "everything to be queued")
    agent.process.send_signal(signal.SIGTERM)
    wait_until(lambda: agent.status()["state"] == "stopping", 10, "the stop to begin")
    assert agent.terminate(seconds=5) == 0
    sandbox.no_faults()
    assert agent.run_once(90) == 0, agent.log()
    ledger.compare(data for _, data in read_stream(sandbox)).check()
