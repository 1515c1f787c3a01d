"""Calls that the service accepts and never answers in time (SCORECARD D4)."""

import glob

import pytest

from support.agent import Agent, kinesis_flow
from support.oracle import Ledger, read_stream
from support.waiting import wait_until

LIBRARY = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="needs the package libfaketime")

# The agent's time goes ten times as fast as that of the service.
FASTER = {"LD_PRELOAD": LIBRARY, "FAKETIME": "+0 x10"}
LINES = 2000
LATER_MS = 120_000  # the agent waits for 30 s of its own and a little for the size of the call


def test_d4_what_was_stored_but_not_answered_is_what_may_be_repeated(sandbox, tmp_path):
    ledger = Ledger()
    log = tmp_path / "app.log"
    log.write_text("".join(ledger.line() + "\n" for _ in range(LINES)), encoding="utf-8")
    sandbox.faults(latency_ms=LATER_MS)
    agent = Agent(tmp_path / "a", [kinesis_flow(log, to={"endpoint": sandbox.url})],
                  environment=FASTER).start()
    try:
        wait_until(lambda: agent.flow()["last_error"], 60, "the time-out to be noticed")
        sandbox.no_faults()
        books = agent.wait_settled(LINES, 90)
        assert agent.terminate() == 0, agent.log()
        result = ledger.compare(data for _, data in read_stream(sandbox))
        assert result.repeats > 0, "nothing was stored before the time-out"
        result.check(books["maybe_repeated"])
        assert result.repeats == books["maybe_repeated"], books
        assert books["acknowledged"]["records"] == LINES, books
    finally:
        agent.stop()
