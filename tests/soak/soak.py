#!/usr/bin/python3
"""Everything at once for hours: rotation, copytruncate, throttling, lost answers, kills, restarts.

Samples resident memory, descriptors, threads, disk and books of the agent, draws them as soak.svg beside
soak.csv, and at the end compares what arrived with what was written. Exits 1 when a line is missing,
when more lines came twice than the agent reported, when the books do not balance, or when memory,
descriptors, threads or disk grew.
"""

import argparse
import csv
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("KINTAIL_BUILD", str(ROOT / "build"))
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests/soak")]

# pylint: disable=wrong-import-position
from picture import draw  # noqa: E402
from support.agent import Agent, kinesis_flow  # noqa: E402
from support.sandbox import Sandbox  # noqa: E402
from support.waiting import pause, wait_until  # noqa: E402

SHARDS = 4
NUMBER = re.compile(rb"\bid=(\d+)")
FAULTS = {"throttle": 0.02, "internal_failure": 0.01, "error_500": 0.01, "reset_after": 0.002,
          "latency_ms": 5}
FLAT = ("rss_kib", "descriptors", "threads", "disk_bytes")
WARM_UP = 0.25  # of an agent's life, before its memory counts


class Counts:
    """How often each line was written (once) and has arrived, a byte a line."""

    def __init__(self):
        self.lock = threading.Lock()
        self.arrived = bytearray()

    def next(self):
        with self.lock:
            self.arrived.append(0)
            return len(self.arrived) - 1

    def arrive(self, data):
        with self.lock:
            for match in NUMBER.finditer(data):
                self.arrived[int(match[1])] += 1

    @property
    def written(self):
        return len(self.arrived)

    def missing(self):
        return self.arrived.count(0)

    def repeats(self):
        return sum(self.arrived) - len(self.arrived) + self.missing()


class Worker(threading.Thread):
    """Calls `step` until it is told to end. What it raises is raised again by `end`."""

    def __init__(self, step, close=lambda: None):
        super().__init__(daemon=True)
        self.step = step
        self.close = close
        self.ending = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.ending.is_set():
                self.step(self.ending)
            self.close()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def end(self):
        self.ending.set()
        self.join()
        if self.error:
            raise self.error


class RenamedLog:
    """A log that is rotated by rename, with five old ones kept."""

    def __init__(self, path, counts, seed, rate):
        self.path = path
        self.counts = counts
        self.chance = random.Random(seed)
        self.rate = rate
        self.file = path.open("a", encoding="utf-8")
        self.left = self.chance.randrange(2000, 20000)

    def lines(self, count):
        for _ in range(count):
            pad = "." * self.chance.randrange(20, 200)
            self.file.write(f"{time.time():.6f} {pad} id={self.counts.next()}\n")
        self.file.flush()
        self.left -= count

    def step(self, ending):
        self.lines(self.rate // 20)
        if self.left <= 0:
            self.left = self.chance.randrange(2000, 20000)
            self.rotate()
        ending.wait(0.05)

    def rotate(self):
        self.shift()
        os.rename(self.path, f"{self.path}.1")
        self.file.close()
        self.file = self.path.open("a", encoding="utf-8")

    def shift(self):
        for number in range(4, 0, -1):
            if os.path.exists(f"{self.path}.{number}"):
                os.rename(f"{self.path}.{number}", f"{self.path}.{number + 1}")

    def close(self):
        self.file.close()


class CopiedLog(RenamedLog):
    """A log that is copied and truncated; its writer waits meanwhile."""

    def rotate(self):
        self.shift()
        shutil.copyfile(self.path, f"{self.path}.1")
        self.file.truncate(0)


class Reader:
    """Takes everything out of the stream while it runs."""

    def __init__(self, sandbox, counts):
        self.counts = counts
        self.client = sandbox.client("kinesis", retries=True)
        shards = self.client.list_shards(StreamName="demo")["Shards"]
        self.iterators = {shard["ShardId"]: self.client.get_shard_iterator(
            StreamName="demo", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"] for shard in shards}

    def step(self, ending):
        if not self.read():
            ending.wait(0.1)

    def read(self):
        """Returns the number of records."""
        records = 0
        for shard, iterator in self.iterators.items():
            answer = self.client.get_records(ShardIterator=iterator, Limit=10000)
            self.iterators[shard] = answer["NextShardIterator"]
            records += len(answer["Records"])
            for record in answer["Records"]:
                self.counts.arrive(record["Data"])
        return records


def sample(agent, started):
    """One row of measurements; None while the agent is not there."""
    process = pathlib.Path(f"/proc/{agent.process.pid}")
    try:
        status = dict(line.split(":", 1) for line in
                      (process / "status").read_text(encoding="ascii").splitlines())
        flow = agent.flow()
        disk = sum(path.stat().st_blocks * 512 for path in agent.state_dir.rglob("*")
                   if path.is_file())
        return {
            "seconds": round(time.monotonic() - started, 1),
            "pid": agent.process.pid,
            "rss_kib": int(status["VmRSS"].split()[0]),
            "descriptors": len(os.listdir(process / "fd")),
            "threads": int(status["Threads"]),
            "disk_bytes": disk,
            "read": flow["books"]["read"]["records"],
            "acknowledged": flow["books"]["acknowledged"]["records"],
            "queued": flow["books"]["queued"]["records"],
            "balanced": flow["books"]["balanced"],
        }
    except (OSError, KeyError, ValueError, AssertionError):
        return None


def growth(rows):
    """What grew in the longest life of an agent: the median of its last third against its middle."""
    lives = {}
    for row in rows:
        lives.setdefault(row["pid"], []).append(row)
    life = max(lives.values(), key=len)
    life = life[int(len(life) * WARM_UP):]
    third = len(life) // 3
    if third < 3:
        return {}
    grown = {}
    for name in FLAT:
        before = statistics.median(row[name] for row in life[:third])
        after = statistics.median(row[name] for row in life[-third:])
        slack = {"rss_kib": 1024, "descriptors": 8, "threads": 0, "disk_bytes": 64 << 20}[name]
        if after > before * 1.05 + slack:
            grown[name] = (before, after)
    return grown


class Soak:
    def __init__(self, directory, options):
        self.options = options
        self.directory = directory
        self.counts = Counts()
        self.sandbox = Sandbox(directory / "sandbox", "--stream", f"demo:{SHARDS}", "--max-memory",
                               "1GiB", "--keep", "60s", "--no-limits=read").start()
        self.sandbox.faults(seed=options.seed, **FAULTS)
        logs = directory / "logs"
        logs.mkdir()
        flow = kinesis_flow(logs / "*.log*", to={"endpoint": self.sandbox.url}, close_after="5s",
                            batch={"max_delay": "200ms"}, queue={"max_size": "256MiB"})
        self.agent = Agent(directory / "agent", [flow])
        reader = Reader(self.sandbox, self.counts)
        self.reader = reader
        self.writers = []
        for number in range(3):
            log = RenamedLog(logs / f"renamed{number}.log", self.counts, options.seed + number,
                             options.rate // 4)
            self.writers.append(Worker(log.step, log.close))
        log = CopiedLog(logs / "copied.log", self.counts, options.seed + 9, options.rate // 4)
        self.writers.append(Worker(log.step, log.close))
        self.reading = Worker(reader.step)
        self.rows = []
        self.started = time.monotonic()

    def run(self):
        chance = random.Random(self.options.seed)
        seconds = self.options.hours * 3600
        self.agent.start()
        for worker in [*self.writers, self.reading]:
            worker.start()
        kill_at = self.started + self.options.kill_every * chance.uniform(0.5, 1.5)
        while time.monotonic() - self.started < seconds:
            pause(min(5.0, seconds / 50))
            row = sample(self.agent, self.started)
            if row:
                self.rows.append(row)
            if self.agent.exited():
                raise AssertionError(f"the agent ended:\n{self.agent.log()[-4000:]}")
            if time.monotonic() > kill_at:
                kill_at = time.monotonic() + self.options.kill_every * chance.uniform(0.5, 1.5)
                self.restart(chance.choice([signal.SIGKILL, signal.SIGTERM]))
        return self.finish()

    def restart(self, how):
        self.agent.process.send_signal(how)
        self.agent.wait(60)
        self.agent.start()

    def finish(self):
        for writer in self.writers:
            writer.end()
        self.sandbox.no_faults()
        books = self.agent.wait_settled(self.counts.written, seconds=600)
        self.reading.end()
        while self.reader.read():
            pass
        assert self.agent.terminate() == 0, self.agent.log()[-4000:]
        self.report()
        grown = growth(self.rows)
        missing, repeats = self.counts.missing(), self.counts.repeats()
        print(f"written {self.counts.written}, missing {missing}, repeated {repeats} of "
              f"{books['maybe_repeated']} that may be, lost bytes {books['lost_bytes']}")
        for name, (before, after) in grown.items():
            print(f"{name} grew from {before} to {after}")
        balanced = all(row["balanced"] for row in self.rows)
        print("the books balanced" if balanced else "THE BOOKS DID NOT BALANCE")
        good = (balanced and not missing and not grown and repeats <= books["maybe_repeated"]
                and books["lost_bytes"] == 0 and books["read"]["records"] == self.counts.written)
        return 0 if good else 1

    def report(self):
        out = pathlib.Path(self.options.out)
        with (out / "soak.csv").open("w", newline="", encoding="ascii") as file:
            table = csv.DictWriter(file, self.rows[0].keys())
            table.writeheader()
            table.writerows(self.rows)
        (out / "soak.svg").write_text(
            draw(self.rows, [*FLAT, "queued", "acknowledged"]), encoding="ascii")
        print(f"wrote {out / 'soak.csv'} and {out / 'soak.svg'}")

    def close(self):
        self.agent.stop()
        self.sandbox.stop()


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0, help="how long (default 1)")
    parser.add_argument("--kill-every", type=float, default=1200.0, metavar="SECONDS",
                        help="between two kills or restarts of the agent, on average (default 1200)")
    parser.add_argument("--rate", type=int, default=2000, help="lines a second (default 2000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default=".", help="directory of soak.csv and soak.svg (default .)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kintail-soak-") as directory:
        soak = Soak(pathlib.Path(directory), options)
        try:
            return soak.run()
        finally:
            soak.close()


if __name__ == "__main__":
    sys.exit(main())
