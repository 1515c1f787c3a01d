"""Logs are truncated in place (SCORECARD T5)."""

import os

import pytest

from support.file_case import KILLED, SLOW, STOPPED, in_every_variant, in_variants
from support.waiting import wait_until

HUGE_HOLE = 1 << 30
WIDTH = 100  # of every line here, so that as many lines are as many bytes
of_every_size = pytest.mark.parametrize("count", [10, 300, 500], ids=["shorter", "equal", "longer"])


@in_every_variant
@of_every_size
def test_t5_a_log_that_was_read_is_truncated_to_zero(case, count):
    case.write(300, width=WIDTH)
    case.start()
    case.settled()
    case.interrupt()
    os.truncate(case.log, 0)
    case.write(count, width=WIDTH)
    case.check(silent_losses=1 if case.down else 0)


@in_variants(SLOW)
def test_t5_what_was_seen_and_truncated_to_zero_is_lost_and_counted(case):
    case.write(300, width=WIDTH)
    case.start()
    case.settled()
    case.interrupt()
    gone = case.write(100, width=WIDTH)
    case.wait_seen()
    os.truncate(case.log, 0)
    case.write(50, width=WIDTH)
    case.check(lost=gone)


@in_variants(SLOW)
def test_t5_the_end_is_cut_off_behind_what_was_read(case):
    """The log goes on: what was read stays where it was."""
    case.write(300, width=WIDTH)
    case.start()
    case.settled()
    case.interrupt()
    case.write(60, width=WIDTH)
    kept = case.log.stat().st_size
    gone = case.write(40, width=WIDTH)
    case.wait_seen()
    os.truncate(case.log, kept)
    case.resume()
    wait_until(lambda: case.agent.books()["lost_bytes"] > 0, 20, "the cut to be seen")
    case.write(50, width=WIDTH)
    case.check(lost=gone)


@in_every_variant
@of_every_size
def test_t5_a_writer_that_does_not_append_goes_on_behind_a_hole(case, count):
    """It keeps its offset, and the file begins with as many NUL bytes."""
    with case.log.open("wb", buffering=0) as log:
        log.write(case.lines(300, width=WIDTH)[1])
        hole = log.tell()
        case.start()
        case.settled()
        case.interrupt()
        os.truncate(case.log, 0)
        log.write(case.lines(count, width=WIDTH)[1])
    books = case.check(silent_losses=1 if case.down else 0, holes=1)
    assert books["filtered"] == {"records": 1, "bytes": hole}, books


def test_t5_a_huge_hole_is_passed_over(case):
    case.write(10)
    case.start()
    case.settled()
    os.truncate(case.log, 0)
    with case.log.open("r+b") as log:
        log.seek(HUGE_HOLE)
        log.write(case.lines(10)[1])
    books = case.check(holes=1)
    assert books["filtered"]["bytes"] == HUGE_HOLE, books


@in_variants(SLOW, STOPPED, KILLED)
def test_t5_what_is_left_of_a_log_that_was_cut_within_what_was_read_comes_again(case):
    """Nobody can know whether the same bytes were written anew."""
    left = case.write(100, width=WIDTH)
    case.write(200, width=WIDTH)
    case.start()
    case.settled()
    case.interrupt()
    os.truncate(case.log, left.size)
    case.write(50, width=WIDTH)
    case.check(silent_losses=1 if case.down else 0, written_twice=left)
