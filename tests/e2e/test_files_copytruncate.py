"""Logs are copied and truncated (SCORECARD T4)."""

import os
import shutil
import subprocess

import pytest

from support.file_case import KILLED, SLOW, STOPPED, in_every_variant, in_variants, with_patterns

WIDTH = 100  # of every line here, so that as many lines are as many bytes
both_patterns = with_patterns("app.log", "app.log*")
of_every_size = pytest.mark.parametrize("count", [10, 300, 500], ids=["shorter", "equal", "longer"])


def copytruncate(case):
    if case.rotated(1).exists():
        os.unlink(case.rotated(1))
    shutil.copyfile(case.log, case.rotated(1))
    os.truncate(case.log, 0)


@in_every_variant
@both_patterns
@of_every_size
def test_t4_what_was_read_is_copied_and_truncated(case, count):
    case.write(300, width=WIDTH)
    case.start()
    case.settled()
    case.interrupt()
    copytruncate(case)
    case.write(count, width=WIDTH)
    # With a pattern that leaves the copy out nobody can tell whether it had more.
    told = case.down and not case.matches(case.rotated(1))
    case.check(silent_losses=1 if told else 0)


@in_variants(SLOW, STOPPED, KILLED)
@with_patterns("app.log*")
@of_every_size
def test_t4_what_was_not_read_before_the_truncation_is_read_from_the_copy(case, count):
    case.write(300, width=WIDTH)
    case.start()
    case.settled()
    case.interrupt()
    case.write(50, width=WIDTH)
    copytruncate(case)
    case.write(count, width=WIDTH)
    case.check()


@in_variants(SLOW)
@of_every_size
def test_t4_what_was_seen_and_truncated_without_a_matching_copy_is_lost_and_counted(case, count):
    case.write(300, width=WIDTH)
    case.start()
    case.settled()
    case.interrupt()
    gone = case.write(50, width=WIDTH)
    case.wait_seen()
    copytruncate(case)
    case.write(count, width=WIDTH)
    case.check(lost=gone)


@in_variants(STOPPED, KILLED)
def test_t4_what_was_truncated_unseen_without_a_matching_copy_is_lost_and_named(case):
    case.write(300, width=WIDTH)
    case.start()
    case.settled()
    case.interrupt()
    gone = case.write(50, width=WIDTH)
    copytruncate(case)
    case.write(10, width=WIDTH)
    case.check(at_most=gone, at_least=0)


@in_every_variant
@both_patterns
def test_t4_again_and_again(case):
    case.write(100, width=WIDTH)
    case.start()
    for count in (10, 100, 300):
        case.settled()
        copytruncate(case)
        case.write(count, width=WIDTH)
    case.settled()
    case.interrupt()
    copytruncate(case)
    case.write(20, width=WIDTH)
    told = case.down and not case.matches(case.rotated(1))
    case.check(silent_losses=1 if told else 0)


@in_variants(STOPPED, KILLED)
@with_patterns("app.log*")
@pytest.mark.parametrize("sparse", ["always", "never"])
def test_t4_copies_of_what_a_writer_that_does_not_append_has_written_begin_with_holes(case, sparse):
    with case.log.open("wb", buffering=0) as log:
        log.write(case.lines(300, width=WIDTH)[1])
        case.start()
        case.settled()
        case.interrupt()
        holes = []
        for number in range(3):
            log.write(case.lines(50, width=WIDTH)[1])
            subprocess.run(["cp", f"--sparse={sparse}", case.log, case.rotated(number)], check=True)
            os.truncate(case.log, 0)
            holes.append(log.tell())
        log.write(case.lines(50, width=WIDTH)[1])
    books = case.check(holes=3)
    assert books["filtered"] == {"records": 3, "bytes": sum(holes)}, books
    assert all(f"a hole of {size} bytes" in case.agent.log() for size in holes)
