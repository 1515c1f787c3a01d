#!/usr/bin/python3
"""The main job in about 20 seconds: lines of a file arrive in a stream, whatever happens.

Starts kintail-sandbox with a stream of 4 shards, a writer that appends access-log lines and rotates
the file, and `kintail run`. In the middle one shard is slowed down so that it refuses records, and the
agent is killed and started again. At the end the stream is read back through the API and compared
with what was written. Exits 1 unless every line is there.
"""

import argparse
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("KINTAIL_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/e2e"))

# pylint: disable=wrong-import-position
from support.agent import Agent, kinesis_flow  # noqa: E402
from support.oracle import Ledger, read_stream  # noqa: E402
from support.sandbox import Sandbox  # noqa: E402
from support.waiting import pause  # noqa: E402

STREAM = "weblogs"
LINES_PER_SECOND = 2500
ROTATE_EVERY_S = 5
SLOW_SHARD = "shardId-000000000002"

PATHS = ["/", "/cart", "/search?q=tent", "/static/app.js", "/api/items", "/login", "/help"]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", "curl/7.88.1", "Googlebot/2.1"]


class Writer(threading.Thread):
    """Appends access-log lines to a file, and rotates it by rename, as logrotate does."""

    def __init__(self, log):
        super().__init__(daemon=True)
        self.log = log
        self.ledger = Ledger()
        self.rotations = 0
        self.ending = threading.Event()
        self.chance = random.Random(1)

    def line(self):
        health = self.chance.randrange(20) == 0
        identity = self.ledger.line("r", filtered=health).split()[-1]
        path = "/health" if health else self.chance.choice(PATHS)
        stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        return (f'192.0.2.{self.chance.randrange(255)} - - [{stamp}] "GET {path} HTTP/1.1" '
                f'{self.chance.choice([200, 200, 200, 304, 404])} {self.chance.randrange(50000)} '
                f'"-" "{self.chance.choice(AGENTS)}" {identity}\n')

    def run(self):
        file = self.log.open("a", encoding="utf-8")
        rotate_at = time.monotonic() + ROTATE_EVERY_S
        due = time.monotonic()
        while not self.ending.is_set():
            due += 0.02
            for _ in range(LINES_PER_SECOND // 50):
                file.write(self.line())
            file.flush()
            if time.monotonic() > rotate_at:
                rotate_at += ROTATE_EVERY_S
                self.rotations += 1
                os.rename(self.log, f"{self.log}.{self.rotations}")
                file.close()
                file = self.log.open("a", encoding="utf-8")
            self.ending.wait(max(0.0, due - time.monotonic()))
        file.close()


class View:
    """One line of numbers: rewritten in place on a terminal, once a second elsewhere."""

    COLUMNS = ("written", "read", "queued", "acknowledged", "throttled", "lag s")

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.printed_at = 0.0
        self.throttled_before = 0
        self.throttled = 0
        self.say("  ".join(f"{name:>12}" for name in self.COLUMNS))

    def say(self, text):
        if self.terminal:
            sys.stdout.write("\r\x1b[K")
        print(text, flush=True)

    def restarted(self):
        self.throttled_before += self.throttled
        self.throttled = 0

    def show(self, written, flow):
        if not self.terminal and time.monotonic() - self.printed_at < 1:
            return
        self.printed_at = time.monotonic()
        if flow is None:
            row = f"{written:>12}  (the agent is not running)"
        else:
            books = flow["books"]
            self.throttled = flow["counters"]["throttled"]
            values = (written, books["read"]["records"], books["queued"]["records"],
                      books["acknowledged"]["records"], self.throttled_before + self.throttled,
                      flow["lag"]["seconds"])
            row = "  ".join(f"{value:>12}" for value in values)
        if self.terminal:
            sys.stdout.write("\r\x1b[K" + row)
            sys.stdout.flush()
        else:
            print(row, flush=True)


class Demo:
    def __init__(self, directory, seconds):
        self.directory = directory
        self.seconds = seconds
        self.sandbox = Sandbox(directory / "sandbox", "--stream", f"{STREAM}:4").start()
        self.writer = Writer(directory / "access.log")
        flow = kinesis_flow(f"{self.writer.log}*", STREAM, filter={"exclude": ["GET /health "]},
                            batch={"max_delay": "200ms"}, to={"endpoint": self.sandbox.url})
        self.agent = Agent(directory / "agent", [flow])
        self.view = None
        self.started = 0.0

    def watch_until(self, fraction):
        deadline = self.started + self.seconds * fraction
        while time.monotonic() < deadline:
            self.show()
            pause(0.1)

    def show(self):
        flow = None if self.agent.exited() else self.agent.flow()
        self.view.show(len(self.writer.ledger.written), flow)

    def limit_slow_shard(self, records_per_s):
        self.sandbox.limits(stream=STREAM, shard=SLOW_SHARD, write_records_per_s=records_per_s)

    def run(self):
        print(f"{LINES_PER_SECOND} lines a second go to {self.writer.log}, which is rotated every "
              f"{ROTATE_EVERY_S} s;\nkintail ships them to stream {STREAM} with 4 shards at "
              f"{self.sandbox.url}; requests for /health are filtered\n")
        self.agent.start()
        self.writer.start()
        self.started = time.monotonic()
        self.view = View()
        self.watch_until(0.2)
        self.view.say(f"--- {SLOW_SHARD} now takes 100 records a second: it refuses the rest")
        self.limit_slow_shard(100)
        self.watch_until(0.45)
        self.view.say("--- kill -9")
        self.agent.kill()
        self.view.restarted()
        self.watch_until(0.5)
        self.agent.start()
        self.view.say("--- started again, with what the queue and the files hold")
        self.watch_until(0.65)
        self.limit_slow_shard(1000)
        self.view.say(f"--- {SLOW_SHARD} has its full rate again")
        self.watch_until(0.85)
        self.writer.ending.set()
        self.writer.join()
        self.view.say("--- the writer has ended; the rest is shipped")
        return self.finish()

    def finish(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.show()
            books = self.agent.books()
            if (books["read"]["records"] >= len(self.writer.ledger.written)
                    and books["queued"]["records"] == 0):
                break
            pause(0.1)
        books = self.agent.books()
        self.agent.terminate()
        arrived = read_stream(self.sandbox, STREAM)
        result = self.writer.ledger.compare(data for _, data in arrived)
        self.print_ledger(result, books)
        whole = not result.missing and not result.unexpected and not result.foreign
        return 0 if whole and result.repeats <= books["maybe_repeated"] else 1

    def print_ledger(self, result, books):
        self.view.say("\nLedger, read back from the stream through the API")
        print(f"  written           {result.written:>8}   in {self.writer.rotations + 1} files")
        print(f"  in the stream     {result.arrived:>8}")
        print(f"  filtered by rule  {result.filtered:>8}")
        print(f"  missing           {len(result.missing):>8}")
        print(f"  repeated          {result.repeats:>8}   (offered without an answer, so they may be: "
              f"{books['maybe_repeated']})")
        print(f"  books of the agent balance: {'yes' if books['balanced'] else 'NO'}")

    def close(self):
        self.agent.stop()
        self.sandbox.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=18, help="how long lines are written")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kintail-demo-") as directory:
        demo = Demo(pathlib.Path(directory), arguments.seconds)
        try:
            status = demo.run()
        finally:
            demo.close()
    print("""
The same agent at AWS: leave `endpoint` out, let it find keys (environment, ~/.aws, instance role), and

  region: eu-west-1
  flows:
    - { name: web, files: ["/var/log/nginx/access.log*"], to: { kinesis: { stream: weblogs } } }
""")
    return status


if __name__ == "__main__":
    sys.exit(main())
