"""Logs are rotated several times, compressed and deleted (SCORECARD T2, T3)."""

import os
import subprocess

import pytest

from support.file_case import KILLED, SLOW, STOPPED, in_every_variant, in_variants, with_flow, with_patterns

both_patterns = with_patterns("app.log", "app.log*")


@in_every_variant
@pytest.mark.parametrize("rotations", [2, 3])
@with_patterns("app.log*")
def test_t2_the_log_is_rotated_several_times_while_the_reader_is_behind(case, rotations):
    case.write(200)
    case.start()
    case.interrupt()
    for _ in range(rotations):
        case.write(100)
        if not case.down:
            case.wait_seen()
        case.rotate()
    case.write(100)
    case.check()


@in_variants(SLOW)
@pytest.mark.parametrize("rotations", [2, 3])
def test_t2_rotations_that_were_seen_are_followed_out_of_the_pattern(case, rotations):
    case.write(200)
    case.start()
    case.interrupt()
    for _ in range(rotations):
        case.write(100)
        case.wait_seen()
        case.rotate()
    case.write(100)
    case.check()


@in_every_variant
@both_patterns
def test_t2_the_log_is_rotated_while_the_reader_catches_up(case):
    case.write(200)
    case.start()
    case.interrupt()
    case.write(100)
    case.rotate()
    case.write(100)
    case.resume()
    case.settled()
    case.write(100)
    case.rotate()
    case.write(100)
    case.check()


@with_patterns("app.log*")
def test_t2_twenty_rotations_at_once(case):
    """Names move on faster than anybody can look, so only the order within each file is told."""
    case.start()
    for rotation in range(20):
        case.write(100, source=f"f{rotation}")
        case.rotate(keep=20)
    case.write(100)
    case.check()


def rotate_and_compress(case):
    case.rotate()
    subprocess.run(["gzip", case.rotated(1)], check=True)


@in_every_variant
@with_patterns("app.log*")
@with_flow(exclude=["*.gz"])
def test_t3_the_log_is_rotated_and_compressed_at_once(case):
    """What was read or is open survives; what nobody had opened when it went is lost."""
    case.start()
    case.write(300)
    case.settled()
    case.interrupt()
    gone = case.write(200, source="gone")
    if not case.down:
        case.wait_seen()
    rotate_and_compress(case)
    case.write(100, source="new")
    # While the agent was down nothing showed that there was more.
    case.check(at_most=gone if case.down else None, at_least=0)


@in_variants(STOPPED, KILLED)
@with_patterns("app.log*")
@with_flow(exclude=["*.gz"])
def test_t3_what_is_compressed_unread_while_the_agent_is_down_is_lost_and_named(case):
    case.start()
    case.write(100)
    case.settled()
    case.fill_queue()
    gone = case.write(200, source="gone")
    case.wait_seen()
    case.interrupt()
    case.sandbox.no_faults()
    rotate_and_compress(case)
    case.write(100, source="new")
    case.check(at_most=gone, at_least=0)


@in_variants(SLOW)
def test_t3_a_log_that_is_open_and_deleted_is_read_to_its_end(case):
    case.start()
    case.write(300)
    case.settled()
    case.interrupt()
    case.write(300)
    os.unlink(case.log)
    case.write(100, source="new")
    case.check()
