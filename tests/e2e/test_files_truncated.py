"""Logs are truncated in place (SCORECARD T5)."""

import os

import pytest

from support.file_case import SLOW, in_every_variant, in_variants
from support.waiting import wait_until

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
