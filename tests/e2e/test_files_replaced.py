"""Files change their names, grow and are replaced; inodes come back (SCORECARD T7, T8)."""

import os

import pytest

from support.file_case import KILLED, RUNNING, SLOW, STOPPED, in_every_variant, in_variants, with_patterns
from support.waiting import wait_until

both_patterns = with_patterns("app.log", "app.log*")
INODE_TRIES = 2000
WIDTH = 100


@in_every_variant
def test_t7_the_log_grows(case):
    case.write(200)
    case.start()
    case.settled()
    case.interrupt()
    case.write(200)
    case.check()


@in_every_variant
@both_patterns
def test_t7_the_log_is_rotated_and_both_files_grow(case):
    case.write(300)
    case.start()
    case.settled()
    case.interrupt()
    case.write(50)
    case.rotate()
    case.write(50)
    with case.rotated(1).open("ab") as late:
        case.write(50, late, source="late")
    case.check()


@in_every_variant
@with_patterns("*.log")
def test_t7_a_log_gets_another_name_that_matches(case):
    case.write(200)
    case.start()
    case.settled()
    case.interrupt()
    os.rename(case.log, case.logs / "other.log")
    case.write(100, case.logs / "other.log")
    case.check()


@in_every_variant
@with_patterns("*.log")
def test_t7_two_logs_swap_their_names(case):
    other = case.logs / "other.log"
    case.write(100, source="a")
    case.write(100, other, source="b")
    case.start()
    case.settled()
    case.interrupt()
    os.rename(case.log, case.logs / "spare")
    os.rename(other, case.log)
    os.rename(case.logs / "spare", other)
    case.write(50, other, source="a")
    case.write(70, source="b")
    case.check()


@in_every_variant
def test_t7_the_log_is_replaced_by_a_new_file(case):
    case.write(200)
    case.start()
    case.settled()
    case.interrupt()
    replacement = case.logs / "new"
    case.write(200, replacement)
    os.rename(replacement, case.log)
    case.write(50)
    case.check(silent_losses=1 if case.down else 0)


@in_variants(STOPPED, KILLED)
@with_patterns("app.log*")
def test_t7_restarts_in_the_middle_of_everything(case):
    """The agent is down at each step of a rotation, and up between them."""
    case.write(100)
    case.start()
    for _ in range(2):
        for step in (case.rotate, lambda: case.write(60), lambda: case.write(60)):
            case.interrupt()
            step()
            case.resume()
    case.check()


def create_in_inode(path, inode):
    """A new empty file at `path` in this inode, which is free."""
    spares = []
    found = False
    for number in range(INODE_TRIES):
        spares.append(path.with_name(f"spare{number}"))
        spares[-1].touch()
        found = spares[-1].stat().st_ino == inode
        if found:
            os.rename(spares.pop(), path)
            break
    for spare in spares:
        spare.unlink()
    if not found:
        pytest.skip("this filesystem does not use an inode again so soon")


def delete_the_log(case):
    os.unlink(case.log)
    if case.variant in (RUNNING, SLOW):  # the inode is free when the agent has closed the file
        wait_until(lambda: case.agent.flow()["counters"]["files_open"] == 0, 20,
                   "the deleted log to be closed")


@in_every_variant
def test_t8_the_inode_of_a_deleted_log_comes_back(case):
    """The new log has the same size and the same first line, too."""
    first, header = case.lines(1, source="header")
    case.log.write_bytes(header)
    case.write(99, width=WIDTH)
    inode, size = case.log.stat().st_ino, case.log.stat().st_size
    case.start()
    case.settled()
    if case.variant in (STOPPED, KILLED):
        case.interrupt()
        delete_the_log(case)
    else:
        delete_the_log(case)
        case.interrupt()
    create_in_inode(case.log, inode)
    case.log.write_bytes(header)
    case.write(98, width=WIDTH)
    case.write(1, width=size - case.log.stat().st_size - 1)
    assert (case.log.stat().st_ino, case.log.stat().st_size) == (inode, size)
    case.check(written_twice=first, silent_losses=1 if case.down else 0)
