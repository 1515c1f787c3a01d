"""A log writer that works in the background."""

import os
import random
import threading


class Writer(threading.Thread):
    """Appends lines and rotates, in small steps, until it is told to end."""

    def __init__(self, logs, ledger, seed, rotate_each=60, width=0):
        super().__init__(daemon=True)
        self.logs = logs
        self.ledger = ledger
        self.rotate_each = rotate_each
        self.width = width
        self.random = random.Random(seed)
        self.ending = threading.Event()

    def run(self):
        log = self.logs / "app.log"
        rotation = 0
        file = log.open("a", encoding="utf-8")
        while not self.ending.wait(0.003):
            for _ in range(self.random.randrange(20)):
                file.write(self.ledger.line(width=self.width) + "\n")
            file.flush()
            if self.random.randrange(self.rotate_each) == 0:
                rotation += 1
                os.rename(log, self.logs / f"app.log.{rotation}")
                file.close()
                file = log.open("a", encoding="utf-8")
        file.close()

    def end(self):
        self.ending.set()
        self.join()
