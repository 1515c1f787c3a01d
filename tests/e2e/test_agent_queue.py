"""The queue under the real binary (SCORECARD Q1, Q2)."""

import os
import random

from support.agent import Agent, kinesis_flow
from support.oracle import Ledger, read_stream
from support.waiting import pause, wait_until
from support.writer import Writer

KILLS = int(os.environ.get("KINTAIL_KILLS", "100"))
LINES = 12000


def test_q1_an_outage_and_a_restart(keeping_sandbox, tmp_path):
    sandbox = keeping_sandbox
    sandbox.stop()
    ledger = Ledger()
    log = tmp_path / "app.log"
    flow = kinesis_flow(log, to={"endpoint": sandbox.url})
    agent = Agent(tmp_path / "a", [flow], settings={"shutdown_timeout": "500ms"}).start()
    with log.open("a", encoding="utf-8") as file:
        for _ in range(LINES):
            file.write(ledger.line(width=1000) + "\n")
    wait_until(lambda: agent.books()["read"]["records"] == LINES, 30, "everything to be queued")
    assert agent.terminate() == 0
    agent.start()
    assert agent.books()["queued"]["records"] == LINES
    sandbox.start()
    agent.wait_settled(LINES)
    agent.terminate()
    ledger.compare(data for _, data in read_stream(sandbox)).check()


def test_q2_kills_at_random_points(sandbox, tmp_path):
    seed = int(os.environ.get("KINTAIL_SEED", random.randrange(1 << 32)))
    print(f"KINTAIL_SEED={seed}")
    chance = random.Random(seed)
    sandbox.faults(throttle=0.05, seed=seed)
    sandbox.limits(write=False)  # an agent that lives so short could not keep up with them
    logs = tmp_path / "logs"
    logs.mkdir()
    ledger = Ledger()
    flow = kinesis_flow(logs / "app.log*", to={"endpoint": sandbox.url},
                        batch={"max_delay": "20ms"}, close_after="2s")
    agent = Agent(tmp_path / "a", [flow])
    writer = Writer(logs, ledger, seed)
    writer.start()
    for _ in range(KILLS):
        agent.start(wait=False)
        pause(chance.uniform(0.0, 0.25))
        agent.kill()
    writer.end()
    sandbox.no_faults()
    agent.start()
    books = agent.wait_settled(len(ledger.written), seconds=120 + KILLS / 10)
    assert books["read"]["records"] == len(ledger.written), "a line was read twice"
    assert books["lost_bytes"] == 0 and books["damaged"]["records"] == 0, books
    agent.terminate()
    result = ledger.compare(data for _, data in read_stream(sandbox))
    result.check(repeats_max=books["maybe_repeated"])
    print(f"{result.written} lines, {KILLS} kills, {result.repeats} repeated of"
          f" {books['maybe_repeated']} that may be")
