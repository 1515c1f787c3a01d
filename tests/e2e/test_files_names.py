"""Several names for one file, and one name for several (SCORECARD T11)."""

import os

from support.file_case import in_every_variant, with_patterns


@in_every_variant
def test_t11_the_log_is_replaced_by_rename(case):
    case.write(100)
    case.start()
    for _ in range(3):
        case.settled()
        case.interrupt()
        new = case.logs / "new"
        case.write(100, new)
        os.rename(new, case.log)
        case.write(50)
        case.resume()
    case.check(silent_losses=3 if case.restarts else 0)


@in_every_variant
@with_patterns("*.log")
def test_t11_hard_links_are_one_file(case):
    case.write(100)
    os.link(case.log, case.logs / "second.log")
    case.start()
    case.settled()
    case.interrupt()
    os.link(case.log, case.logs / "third.log")
    case.write(100, case.logs / "second.log")
    case.resume()
    case.settled()
    case.interrupt()
    os.unlink(case.log)
    os.unlink(case.logs / "second.log")
    case.write(100, case.logs / "third.log")
    case.write(100, source="anew")
    case.check()


@in_every_variant
@with_patterns("current.log")
def test_t11_a_symbolic_link_that_is_led_elsewhere_and_back(case):
    link = case.logs / "current.log"
    targets = [case.logs / "a.1", case.logs / "a.2"]
    case.write(100, targets[0], "a1")
    os.symlink(targets[0].name, link)
    case.start()
    for turn in (1, 0, 1):
        case.settled()
        case.interrupt()
        case.write(100, targets[turn], f"a{turn + 1}")
        os.symlink(targets[turn].name, case.logs / "new")
        os.rename(case.logs / "new", link)
        case.write(100, targets[turn], f"a{turn + 1}")
        case.resume()
    case.check()


NAMES = [b"b\xff\xfe.log", b"two\nlines\x1b[31m.log", b" \t .log", b"\xc3\xa9.log"]


@in_every_variant
@with_patterns("*.log*")
def test_t11_paths_of_any_bytes(case):
    def write():
        for number, name in enumerate(NAMES):
            with open(os.fsencode(case.logs) + b"/" + name, "ab") as file:
                file.write(case.lines(50, str(number))[1])

    write()
    case.start()
    case.settled()
    case.interrupt()
    write()
    for name in NAMES:
        path = os.fsencode(case.logs) + b"/" + name
        os.rename(path, path + b".1")
    write()
    case.resume()
    case.settled()
    status = case.agent.command("status", "--files", "--socket", case.agent.settings["status_socket"])
    assert status.returncode == 0, status.stderr
    lines = [line for line in status.stdout.splitlines() if f"{case.logs}/" in line]
    assert len(lines) == 2 * len(NAMES), status.stdout
    assert not any(ord(char) < 0x20 for line in lines for char in line), lines
    case.check()
