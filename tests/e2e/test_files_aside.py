"""Logs leave for places that no pattern matches, and files stop to be matched."""

import os

import pytest
from support.file_case import KILLED, STOPPED, in_every_variant, in_variants, with_patterns
from support.waiting import wait_until


@in_every_variant
@with_patterns("*.log")
def test_a_log_behind_a_symbolic_link_is_rotated_where_the_link_leads(case):
    """As kubelet does it to what the links in /var/log/containers lead to."""
    pods = case.logs / "pods"
    pods.mkdir()
    real = pods / "0.txt"
    real.touch()
    case.log.symlink_to("pods/0.txt")
    case.write(200)
    case.start()
    case.settled()
    case.interrupt()
    for number in range(2):
        case.write(200, real)
        with real.open("ab") as late:
            os.rename(real, pods / f"0.txt.{number}")
            case.write(50, late, source=f"late{number}")
        case.write(100, real, source=f"new{number}")
        if not case.reading:
            break  # who is away finds what the link leads to, and what was beside that before
        case.settled()
    case.check()


@in_every_variant
@pytest.mark.parametrize("aside", ["logs/old", "old"])
def test_a_log_is_moved_into_a_directory_that_no_pattern_matches(case, aside):
    """As logrotate does it with olddir."""
    olddir = case.logs.parent / aside
    olddir.mkdir()
    case.write(200)
    case.start()
    case.settled()
    case.interrupt()
    case.write(200)
    with case.log.open("ab") as late:
        os.rename(case.log, olddir / "app.log.1")
        case.write(50, late, source="late")
        case.write(100, source="new")
    case.check()


@in_variants(STOPPED, KILLED)
@with_patterns("*.log")
def test_a_file_that_is_excluded_after_a_restart_is_not_read_any_further(case):
    secret = case.logs / "secret.log"
    case.write(100)
    case.write(100, secret, source="secret")
    case.start()
    case.settled()
    case.interrupt()
    hidden = case.write(100, secret, source="secret")
    case.agent.flows[0]["exclude"] = ["secret.log"]
    case.agent.write_config()
    case.resume()
    case.write(100)
    case.settled(300)
    assert f"{secret} is not read any more" in case.agent.log()
    assert f"{hidden.size} bytes of it were not read" in case.agent.log()
    case.interrupt()
    case.agent.flows[0]["exclude"] = []
    case.agent.write_config()
    case.check()  # and when it is matched again it goes on where it was


@in_variants(STOPPED, KILLED)
def test_a_log_that_is_gone_after_a_start_is_named_by_status(case):
    case.write(100)
    case.start()
    case.settled()
    case.interrupt()
    case.log.unlink()
    case.resume()
    wait_until(lambda: case.files().get("app.log", {}).get("perhaps_lost"), 20, "the file's mark")
    assert "what was never seen of it is lost, if anything" in case.agent.command(
        "status", "--files", "--config", case.agent.config_path).stdout
    case.check(silent_losses=1)
