"""A line of 1 GiB (SCORECARD T12). It takes a while, so it has a file of its own."""

import pathlib

import pytest

from support.agent import Agent, kinesis_flow
from support.oracle import read_stream
from support.waiting import wait_until

GIB = 1 << 30
LIMIT = 1 << 19
FIRST = b"x"
LAST = b"the line after it\n"
MEMORY_MAX_KIB = 64 << 10


def memory_peak_kib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def ship(make_sandbox, tmp_path, policy, *options):
    """Ships a line of NULs, which take no room on the disk, behind one byte, and another one."""
    sandbox = make_sandbox("--stream", "demo:4", "--no-limits", *options)
    log = tmp_path / "app.log"
    with log.open("wb") as file:
        file.write(FIRST)
        file.truncate(GIB)
        file.seek(GIB)
        file.write(b"\n" + LAST)
    flow = kinesis_flow(log, max_line=LIMIT, over_long=policy, queue={"max_size": "16MiB"},
                        to={"endpoint": sandbox.url})
    return sandbox, Agent(tmp_path / "a", [flow])


def settle(agent):
    size = GIB + 1 + len(LAST)

    def settled():
        assert not agent.exited(), agent.log()
        books = agent.books()
        return books["read"]["bytes"] == size and books["queued"]["records"] == 0 and books

    books = wait_until(settled, 240, "everything to be read and settled", every=0.2)
    assert books["balanced"], books
    assert memory_peak_kib(agent.process) < MEMORY_MAX_KIB
    return books


def test_t12_a_line_of_a_gibibyte_is_split(make_sandbox, tmp_path):
    _, agent = ship(make_sandbox, tmp_path, "split", "--discard")
    try:
        agent.start()
        books = settle(agent)
        assert books["acknowledged"] == {"records": GIB // LIMIT + 1, "bytes": GIB + 1 + len(LAST)}
    finally:
        agent.stop()


@pytest.mark.parametrize("policy, arrived", [("skip", [LAST]), ("truncate", [LAST, FIRST + bytes(LIMIT - 1) + b"\n"])])
@pytest.mark.parametrize("kill", [False, True], ids=["running", "killed"])
def test_t12_a_line_of_a_gibibyte_is_passed_over(make_sandbox, tmp_path, policy, arrived, kill):
    sandbox, agent = ship(make_sandbox, tmp_path, policy)
    try:
        agent.start()
        if kill:
            wait_until(lambda: agent.flow()["counters"]["read_bytes"] > 0, 20, "reading to begin")
            agent.kill()
            agent.start()
        settle(agent)
        agent.terminate()
        assert sorted(data for _, data in read_stream(sandbox)) == sorted(arrived)
    finally:
        agent.stop()
