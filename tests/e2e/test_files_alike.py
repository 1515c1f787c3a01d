"""Files that look alike, and files that take turns (SCORECARD T9, T16)."""

import os
import shutil

from support.file_case import in_every_variant, with_patterns
from support.waiting import wait_until

COMMON = "x" * 4096
WIDTH = len(COMMON) + 64
ALIKE = 1000
COPIED = (0, 3, 500, 998)


def alike(case, number):
    return case.logs / f"{number:04}.log"


def write_alike(case, path):
    """Appends a line that begins as every other one does, and is as long."""
    with path.open("a", encoding="utf-8") as file:
        line = case.ledger.line(path.name[:4], text=COMMON, width=WIDTH) + "\n"
        case.texts.add(line.encode())
        file.write(line)


@in_every_variant
@with_patterns("*.log")
def test_t9_files_with_the_same_head_and_size_are_told_apart(case):
    for number in range(ALIKE // 2):
        write_alike(case, alike(case, number))
    case.start()
    for number in range(ALIKE // 2, ALIKE):
        write_alike(case, alike(case, number))
    case.interrupt()
    for number in range(0, ALIKE, 10):
        write_alike(case, alike(case, number))
    case.check()


@in_every_variant
@with_patterns("*.log*")
def test_t9_copytruncate_beside_files_with_the_same_head_and_size(case):
    for number in range(ALIKE):
        write_alike(case, alike(case, number))
    case.start()
    case.settled()
    case.interrupt()
    for number in COPIED:
        shutil.copyfile(alike(case, number), case.logs / f"{number:04}.log.1")
    if not case.down:
        wait_until(lambda: case.agent.flow()["counters"]["files"] >= ALIKE + len(COPIED), 20,
                   "the copies to be found while their originals are whole")
    for number in COPIED:
        os.truncate(alike(case, number), 0)
        write_alike(case, alike(case, number))
    case.check()


@in_every_variant
@with_patterns("*.log*")
def test_t9_the_copy_of_a_short_file_beside_many_others(case):
    short = alike(case, 0)
    short.write_text("id=a-1\n", encoding="utf-8")
    case.ledger.written["a-1"] = ("a", 0)
    case.texts.add(b"id=a-1\n")
    case.start()
    case.settled()
    for number in range(1, 300):
        case.write(1, alike(case, number), str(number))
    case.settled()
    case.interrupt()
    shutil.copyfile(short, case.logs / "0000.log.1")
    if not case.down:
        wait_until(lambda: case.agent.flow()["counters"]["files"] >= 301, 20, "the copy to be found")
    os.truncate(short, 0)
    case.write(1, short)
    case.check()


@in_every_variant
@with_patterns("*.log")
def test_t16_two_live_files_in_turn_are_read_once(case):
    files = [case.logs / "one.log", case.logs / "two.log"]
    case.start()
    read_bytes = 0
    for turn in range(40):
        case.write(25, files[turn % 2], source=f"f{turn % 2}")
        if turn % 10 == 5:
            case.settled()
            before = case.agent.flow()["counters"]["read_bytes"]
            case.interrupt()
            read_bytes += before if case.down else 0
            case.write(25, files[turn % 2], source=f"f{turn % 2}")
            case.resume()
    case.settled()
    read_bytes += case.agent.flow()["counters"]["read_bytes"]
    case.check()
    written = files + [case.ballast]
    assert read_bytes == sum(path.stat().st_size for path in written if path.exists())


@in_every_variant
@with_patterns("*.log")
def test_t9_a_log_that_begins_as_a_short_file_is_read_at_once(case):
    """Many formats begin with the same lines: such a log does not wait to be proven no copy."""
    header = b"#Fields: date time method path status\n"
    (case.logs / "idle.log").write_bytes(header)
    case.start()
    case.wait_read()
    case.interrupt()
    case.log.write_bytes(header)
    _, lines = case.lines(100)
    with case.log.open("ab") as log:
        log.write(lines)
    case.resume()
    case.wait_read(seconds=6)
    case.check_records([header, header, *lines.splitlines(keepends=True)])
