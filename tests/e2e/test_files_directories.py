"""Directories and permissions that go and come back (SCORECARD T18)."""

import os
import shutil

from support.file_case import in_every_variant, with_patterns
from support.namespace import Namespace
from support.privilege import BOUND_BY_PERMISSIONS, needs_mounts
from support.waiting import wait_until


@in_every_variant
def test_t18_the_permission_to_read_a_file_is_taken_and_given_back(case):
    case.wrapper = BOUND_BY_PERMISSIONS
    case.write(100)
    case.start()
    case.settled()
    os.chmod(case.log, 0)
    case.interrupt()
    case.write(100)
    other = case.logs / "app.log.1"
    os.rename(case.log, other)
    with open(os.open(case.log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0), "ab") as closed:
        case.write(100, closed, source="anew")
    case.resume()
    case.wait_state(**{"app.log": "not read: permission denied"})
    case.check_idle()
    os.chmod(other, 0o644)
    os.chmod(case.log, 0o644)
    case.check()


@in_every_variant
@with_patterns("*/app.log")
def test_t18_the_permission_to_enter_a_directory_is_taken_and_given_back(case):
    case.wrapper = BOUND_BY_PERMISSIONS
    directory = case.logs / "sub"
    directory.mkdir()
    log = directory / "app.log"
    case.write(100, log)
    case.start()
    case.settled()
    with log.open("ab") as late:
        os.chmod(directory, 0)
        case.interrupt()
        case.write(100, late)
        case.resume()
        case.wait_state(**{"sub": "not read: permission denied"})
        case.check_idle()
    os.chmod(directory, 0o755)
    case.write(100, log)
    case.check()


@in_every_variant
@with_patterns("*/app.log")
def test_t18_the_directory_is_removed_and_made_again(case):
    directory = case.logs / "sub"
    directory.mkdir()
    case.write(100, directory / "app.log", "0")
    case.start()
    for turn in (1, 2):
        case.settled()
        case.interrupt()
        shutil.rmtree(directory)
        directory.mkdir()
        case.write(100, directory / "app.log", str(turn))
        case.resume()
    case.check(silent_losses=2 if case.restarts else 0)


@with_patterns("sub/app.log", "**/app.log")
def test_t18_the_directory_is_missing_for_a_while(case):
    directory = case.logs / "sub"
    case.start()
    for turn in range(3):
        directory.mkdir()
        case.write(100, directory / "app.log", str(turn))
        case.settled()
        shutil.rmtree(directory)
        wait_until(lambda: "sub/app.log" not in case.files(), 20, "the file to be forgotten")
    case.check()


@in_every_variant
@with_patterns("**/app.log")
def test_t18_the_directory_is_renamed_away_and_back(case):
    directory = case.logs / "sub"
    directory.mkdir()
    case.write(100, directory / "app.log")
    case.start()
    case.settled()
    case.interrupt()
    os.rename(directory, case.ballast.parent / "elsewhere")
    case.resume()
    # Whoever was away cannot know what was written before the directory went.
    wait_until(lambda: case.files()["sub/app.log"].get("perhaps_lost") if case.restarts
               else "sub/app.log" not in case.files(), 20, "the directory to be missed")
    case.interrupt()
    os.rename(case.ballast.parent / "elsewhere", directory)
    case.write(100, directory / "app.log")
    case.resume()
    case.settled()
    assert "perhaps_lost" not in case.files()["sub/app.log"]
    case.check(silent_losses=1 if case.restarts else 0)


@needs_mounts
@in_every_variant
@with_patterns("*/app.log")
def test_t18_another_directory_is_mounted_over_it_and_taken_away(case):
    below = case.logs / "sub"
    above = case.ballast.parent / "above"
    below.mkdir()
    above.mkdir()
    namespace = Namespace()
    case.wrapper = namespace.enter
    try:
        case.write(100, below / "app.log", "below")
        case.start()
        case.settled()
        case.interrupt()
        namespace.run("mount", "--bind", str(above), str(below))
        case.write(100, above / "app.log", "above")
        case.resume()
        case.settled()
        case.interrupt()
        namespace.run("umount", "--lazy", str(below))  # the agent has a file in it open
        case.write(100, below / "app.log", "below")
        case.check(silent_losses=1 if case.restarts else 0)
    finally:
        case.agent.stop()
        namespace.end()
