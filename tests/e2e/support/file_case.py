"""The frame of the file cases: something happens to files while the agent runs, lags or is away.

A test takes the fixture `case`, writes, rotates, and calls `interrupt()` where the variant strikes:

    @in_every_variant
    @with_patterns("app.log", "app.log*")
    def test_t1_the_log_is_renamed_and_created_anew(case):
        case.start()
        case.write(300)
        case.interrupt()
        case.rotate()
        case.write(300)
        case.check()

`with_flow(...)` gives settings to the flow; a test without `in_every_variant` runs at full speed.
"""

import collections
import fnmatch
import os
import pathlib
import re

import pytest

from support.agent import Agent, kinesis_flow
from support.oracle import Ledger, read_stream
from support.waiting import pause, wait_until

RUNNING = "running"  # the agent is at work; whatever the test does races with it
SLOW = "slow"        # its queue is full and the endpoint refuses everything: nothing is read
STOPPED = "stopped"  # SIGTERM, and started again by resume()
KILLED = "killed"    # SIGKILL, and started again by resume()

ALL_VARIANTS = [RUNNING, SLOW, STOPPED, KILLED]
VARIANTS = os.environ.get("KINTAIL_VARIANTS", ",".join(ALL_VARIANTS)).split(",")
assert set(VARIANTS) <= set(ALL_VARIANTS), f"KINTAIL_VARIANTS: some of {','.join(ALL_VARIANTS)}"
in_every_variant = pytest.mark.parametrize("variant", VARIANTS)

QUEUE_BYTES = 4 << 20
BALLAST_WIDTH = 64 << 10
BLOCK_BYTES = 256 << 10  # of a block of the queue, or more: none fits where this does not

UNWATCHED = "is lost, if anything"
LOSS = re.compile("were gone before they could be read|that followed are lost|is lost, if anything")


def in_variants(*variants):
    """The test is run in these variants only; where none of them is asked for, in the last of them."""
    return pytest.mark.parametrize("variant", [v for v in variants if v in VARIANTS] or variants[-1:])


def with_patterns(*patterns):
    """The test runs with each of these as the flow's pattern, below the directory of the logs."""
    return pytest.mark.parametrize("pattern", patterns)


def with_flow(**settings):
    """Settings of the flow; `settings={...}` are the agent's own."""
    return pytest.mark.file_case(**settings)


class Lines(dict):
    """Lines that were written together: the bytes of each in the file, by id."""

    def __add__(self, other):
        return Lines({**self, **other})

    @property
    def size(self):
        return sum(self.values())


class FileCase:
    """A directory of logs, an agent that reads a pattern, a sandbox and a ledger.

    The stream has one shard and one request is under way at a time, so that the order in the stream
    is the order in the queue. `source` of write() names what has an order: lines of one source must
    arrive as they were written. `ordered=False` is for a test where that does not matter.
    """

    def __init__(self, sandbox, directory, pattern="app.log", variant=RUNNING, settings=None,
                 ordered=True, ballast_width=BALLAST_WIDTH, **flow):
        self.sandbox = sandbox
        self.pattern = pattern
        self.variant = variant
        self.logs = pathlib.Path(directory) / "logs"
        self.logs.mkdir()
        self.log = self.logs / "app.log"
        self.ballast = pathlib.Path(directory) / "ballast"
        self.ballast_width = ballast_width
        self.ledger = Ledger()
        self.texts = set()
        self.ordered = ordered
        self.interrupted = False
        self.wrapper = ()  # the command that the agent is started by
        batch = {"max_delay": "20ms", "in_flight_max": 1 if ordered else 16}
        flow = {"close_after": "1s", "poll_interval": "200ms", "batch": batch,
                "queue": {"max_size": QUEUE_BYTES}, **flow}
        flow = kinesis_flow(self.logs / pattern, to={"endpoint": sandbox.url}, **flow)
        flow["files"].append(str(self.ballast))
        settings = {"shutdown_timeout": "300ms", **(settings or {})}
        self.agent = Agent(pathlib.Path(directory) / "a", [flow], settings)

    # ---- files ----

    def lines(self, count, source="f", width=0):
        """Lines and their bytes, for a test that writes them itself."""
        texts = [self.ledger.line(source, width=width) + "\n" for _ in range(count)]
        self.texts.update(map(str.encode, texts))
        ids = list(self.ledger.written)[len(self.ledger.written) - count:]
        return Lines(zip(ids, map(len, texts))), "".join(texts).encode()

    def write(self, count, path=None, source="f", width=0):
        """Appends lines to the log, or to another path or an open file. Returns them."""
        lines, data = self.lines(count, source, width)
        if hasattr(path, "fileno"):
            with open(path.fileno(), "ab", closefd=False) as file:
                file.write(data)
        else:
            with (path or self.log).open("ab") as file:
                file.write(data)
        return lines

    def rotated(self, number):
        return self.logs / f"{self.log.name}.{number}"

    def rotate(self, keep=9):
        """Renames app.log to app.log.1, app.log.1 to app.log.2 and so on; creates nothing."""
        for number in range(keep, 0, -1):
            if self.rotated(number).exists():
                os.rename(self.rotated(number), self.rotated(number + 1))
        os.rename(self.log, self.rotated(1))

    # ---- the agent ----

    def start(self):
        self.agent.start(wrapper=self.wrapper)
        return self

    def settled(self, records=None):
        """Waits until all that was written so far is read and settled. Returns the books."""
        return self.agent.wait_settled(len(self.ledger.written) if records is None else records)

    def interrupt(self):
        """What the variant is about, with the agent running. See `resume`."""
        self.interrupted = True
        if self.variant == SLOW:
            self.fill_queue()
        elif self.variant == STOPPED:
            self.stop()
        elif self.variant == KILLED:
            self.kill()

    def resume(self):
        """Ends an interruption; check() does it where the test has not."""
        if not self.interrupted:
            return
        self.interrupted = False
        if self.variant == SLOW:
            self.sandbox.no_faults()
            wait_until(lambda: self.agent.books()["queued"]["records"] == 0, 30, "an empty queue")
        elif self.variant in (STOPPED, KILLED):
            self.start()

    @property
    def restarts(self):
        """Whether the variant ends the agent and starts it again."""
        return self.variant in (STOPPED, KILLED)

    @property
    def down(self):
        """Whether the agent does not run now."""
        return self.interrupted and self.variant in (STOPPED, KILLED)

    @property
    def reading(self):
        """Whether the agent reads now."""
        return not (self.interrupted and self.variant != RUNNING)

    def matches(self, path):
        """Whether the pattern of the flow fits."""
        return fnmatch.fnmatch(path.name, self.pattern)

    def stop(self):
        assert self.agent.terminate() == 0, self.agent.log()

    def kill(self):
        self.agent.kill()

    def fill_queue(self):
        """Lets the queue run full behind an endpoint that refuses everything, so that reading stops."""
        self.sandbox.faults(error_503=1.0)
        count = (QUEUE_BYTES + (1 << 20)) // self.ballast_width
        self.write(count, self.ballast, "ballast", self.ballast_width)

        def full():
            queue = self.agent.flow()["queue"]
            return queue["bytes"] + BLOCK_BYTES > queue["bytes_max"]

        wait_until(full, 20, "the queue to be full")

    def files(self):
        """What the agent's status says of each file, by the path below the directory of the logs."""
        prefix = f"{self.logs}/"
        return {file["path"].removeprefix(prefix): file for file in self.agent.flow()["files"] or []}

    def wait_state(self, **states):
        """Waits until status says of each file (a name, or a path below the logs) that it is in this state."""
        return wait_until(lambda: (files := self.files()) and all(
            name in files and files[name]["state"].startswith(state)
            for name, state in states.items()) and files, 20, f"the states {states}")

    def cpu_seconds(self):
        """What the agent has used so far, of all processors."""
        stat = pathlib.Path(f"/proc/{self.agent.process.pid}/stat").read_text(encoding="ascii")
        user, system = stat.rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def check_idle(self, seconds=1.5):
        """Holds when the agent does next to nothing while nothing happens."""
        before = self.cpu_seconds()
        pause(seconds)
        used = self.cpu_seconds() - before
        assert used < 0.1 * seconds, f"{used:.2f} s of processor time in {seconds} s of doing nothing"

    def wait_seen(self, path=None):
        """Waits until the agent knows how large the log, or another file, is."""
        path = path or self.log
        size = path.stat().st_size
        wait_until(lambda: any(file["path"] == str(path) and file["size"] == size
                               for file in self.files().values()), 20, f"{path} to be seen")

    def wait_read(self, seconds=30):
        """Waits until the agent has read every regular file there is to its present end."""
        sizes = {path.name: path.stat().st_size for path in self.logs.iterdir() if path.is_file()}

        def read():
            files = self.files()
            return all(name in files and files[name]["position"] == size
                       for name, size in sizes.items())

        wait_until(read, seconds, "every file to be read to its end")

    # ---- the oracle ----

    def check_records(self, expected, pending=b""):
        """Waits until all files that are there were read and settled, ends the agent and compares.

        `expected` are the records (bytes) as they must arrive, in any order, but those of the ballast.
        `pending` is in the files and is not complete.
        """
        self.resume()
        paths = [path for path in [*self.logs.iterdir(), self.ballast] if path.is_file()]
        size = sum(path.stat().st_size for path in paths) - len(pending)

        def settled():
            assert not self.agent.exited(), f"the agent ended:\n{self.agent.log()}"
            books = self.agent.books()
            return books["read"]["bytes"] >= size and books["queued"]["records"] == 0 and books

        books = wait_until(settled, 60, f"{size} bytes to be read and settled", every=0.1)
        assert books["balanced"] and books["read"]["bytes"] == size, (size, books)
        self.stop()
        arrived = collections.Counter(data for _, data in read_stream(self.sandbox)
                                      if b" id=ballast-" not in data)
        wanted = collections.Counter(expected)
        missing = [data[:200] for data in wanted - arrived]
        repeated = arrived - wanted
        foreign = [data[:200] for data in repeated if data not in wanted]
        assert not missing and not foreign, (
            f"{len(missing)} records missing, as {missing[:3]}; {len(foreign)} foreign, as {foreign[:3]}")
        assert repeated.total() <= books["maybe_repeated"], (list(repeated)[:3], books)
        return books

    def losses(self):
        """The lines of the agent's log that name a loss."""
        return [line for line in self.agent.log().splitlines() if LOSS.search(line)]

    def check(self, lost=None, at_most=None, at_least=None, loss_lines=1, unread=0,
              silent_losses=0, written_twice=(), holes=0, unwatched=False):
        """Waits until everything is settled, ends the agent and compares.

        `lost` are lines that must be missing, every one of them, and be counted exactly. Of `at_most`
        some may be missing: as many bytes as those have, or fewer, are counted as "at least";
        `at_least` of them (default: one, when any is missing) the agent must have known of. What is
        missing is said in `loss_lines` lines of the log, each with the name of a file of the case.
        `unread` bytes are known to the agent, but not read. `silent_losses` are lines of the log about
        what went while nobody watched, though nothing was missing; with `unwatched` there may be any number of
        them where the agent was down, because it depends on what it had seen before. The ids `written_twice` are in two
        files, and must arrive twice. So many `holes` are in front of lines, and count as one record each.
        """
        self.resume()
        lost = lost or Lines()
        unsure = at_most or Lines()
        books = self._wait_books(len(self.ledger.written) - len(lost) - len(unsure), lost.size, unread)
        if unsure and self.ledger.compare(self._arrived()).missing:
            wait_until(lambda: len(self.losses()) >= loss_lines, 20, "the loss to be told")
            books = self.agent.books()
        wait_until(lambda: len(self.losses()) >= silent_losses, 20, "the loss to be told")
        self.stop()
        arrived = self._arrived()
        result = self.ledger.compare(arrived)
        gone = set(result.missing)
        assert gone >= set(lost), f"{len(set(lost) - gone)} lines have arrived that were to be lost"
        result.missing = sorted(gone - set(lost) - set(unsure))
        for identity in written_twice:
            assert result.repeated.get(identity) == 2, (identity, result.repeated.get(identity))
            del result.repeated[identity]
        result.check(books["maybe_repeated"])
        unsure_bytes = sum(unsure[i] for i in gone & set(unsure))
        at_least = min(unsure_bytes, 1) if at_least is None else at_least
        told = loss_lines if lost or unsure_bytes else silent_losses
        if unwatched and self.restarts:
            told += sum(UNWATCHED in line for line in self.losses())
        self._check_losses(books, lost.size, (at_least, unsure_bytes), told)
        self._check_whole(arrived)
        read = len(self.ledger.written) - len(gone) + len(written_twice) + holes
        assert books["read"]["records"] == read, (read, books)
        if self.ordered:
            self.ledger.check_order(arrived)
        return books

    def _arrived(self):
        return [data for _, data in read_stream(self.sandbox)]

    def _wait_books(self, records, lost_bytes, unread):
        def settled():
            assert not self.agent.exited(), f"the agent ended:\n{self.agent.log()}"
            flow = self.agent.flow()
            books = flow["books"]
            return (books["read"]["records"] >= records and books["queued"]["records"] == 0 and
                    books["lost_bytes"] >= lost_bytes and flow["lag"]["bytes"] == unread and books)

        books = wait_until(settled, 60, f"{records} records to be read and settled", every=0.1)
        assert books["balanced"], books
        return books

    def _check_losses(self, books, exactly, bounds, lines):
        said = self.losses()
        assert books["lost_bytes"] == exactly, (exactly, books, said)
        assert bounds[0] <= books["lost_bytes_at_least"] <= bounds[1], (bounds, books, said)
        assert len(said) == lines, said
        assert all(str(self.logs) in line for line in said), said

    def _check_whole(self, arrived):
        """Every record is a line as it was written, no more and no less."""
        for record in arrived:
            assert record in self.texts, f"not a line that was written: {record[:200]}"
