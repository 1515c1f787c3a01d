"""Names that lead to something else than a plain file (SCORECARD T11)."""

import os
import socket
import threading

from support.file_case import in_every_variant, with_patterns
from support.privilege import BOUND_BY_PERMISSIONS
from support.waiting import wait_until

NO_PERMISSION = "not read: permission denied"


def bound_by_permissions(case):
    case.wrapper = BOUND_BY_PERMISSIONS
    return case.start()


def make_strange(logs):
    """Makes matches that are no readable files. Returns what status must say of each."""
    os.mkfifo(logs / "fifo.log")
    (logs / "directory.log").mkdir()
    bound = socket.socket(socket.AF_UNIX)
    directory = os.open(logs, os.O_PATH)
    bound.bind(f"/proc/self/fd/{directory}/socket.log")  # its path may be too long for an address
    os.close(directory)
    bound.close()
    os.symlink("/dev/zero", logs / "device.log")
    os.symlink("round.log", logs / "about.log")
    os.symlink("about.log", logs / "round.log")
    os.symlink("nothing", logs / "dangling.log")
    os.symlink(".", logs / "itself.log")
    with open(os.open(logs / "secret.log", os.O_CREAT | os.O_WRONLY, 0), "wb") as secret:
        secret.write(b"nobody reads this\n")
    return {
        "fifo.log": "not read: not a regular file",
        "directory.log": "not read: a directory",
        "socket.log": "not read: not a regular file",
        "device.log": "not read: not a regular file",
        "about.log": "not read: a loop of symbolic links",
        "round.log": "not read: a loop of symbolic links",
        "dangling.log": "not read: a symbolic link that leads nowhere",
        "itself.log": "not read: a directory",
        "secret.log": NO_PERMISSION,
    }


@in_every_variant
@with_patterns("*.log")
def test_t11_what_is_no_readable_file_is_named_and_costs_nothing(case):
    case.write(100)
    bound_by_permissions(case)
    case.interrupt()
    states = make_strange(case.logs)
    case.write(100)
    case.resume()
    case.wait_state(**states)
    case.settled()
    case.check_idle()
    case.write(100)
    case.check(unread=len("nobody reads this\n"))


@with_patterns("**/*.log")
def test_t11_a_pattern_of_any_depth_does_not_follow_links_round_and_round(case):
    inner = case.logs / "one" / "two"
    inner.mkdir(parents=True)
    os.symlink("../..", inner / "up")
    os.symlink(".", inner / "here")
    os.symlink(case.logs, inner / "top.log")
    case.write(100, inner / "app.log")
    case.start()
    case.settled()
    case.check_idle()
    assert [name for name, file in case.files().items() if file["size"] > 0] == ["one/two/app.log"]
    case.check()


@in_every_variant
@with_patterns("*.log")
def test_t11_matches_that_vanish_at_once(case):
    case.start()
    ending = threading.Event()

    def come_and_go():
        number = 0
        while not ending.is_set():
            number += 1
            path = case.logs / f"{number % 50}.log"
            if number % 3 == 0:
                path.mkdir()
                path.rmdir()
            elif number % 3 == 1:
                os.mkfifo(path)
                path.unlink()
            else:
                path.touch()
                path.unlink()

    thread = threading.Thread(target=come_and_go, daemon=True)
    thread.start()
    try:
        case.write(500)
        case.settled()
        case.interrupt()
        case.write(500)
        case.resume()
        case.settled()
    finally:
        ending.set()
        thread.join()
    # One that was there when the agent ended may have had lines when it went: that stays noted.
    wait_until(lambda: [name for name, entry in case.files().items() if name.endswith(".log")
                        and not entry.get("perhaps_lost")] == ["app.log"], 20,
               "the vanished to be forgotten")
    case.check_idle()
    case.check(unwatched=True)
