"""Compressed members of a log, made by the real gzip (SCORECARD T3, T15)."""

import os
import subprocess
import zlib

from support.file_case import in_every_variant, in_variants, KILLED, STOPPED, with_flow, with_patterns
from support.waiting import wait_until

compressed = with_flow(compressed=True)
every_member = with_patterns("app.log*")


def gzip(path, *options):
    subprocess.run(["gzip", *options, path], check=True)
    return path.with_name(path.name + ".gz")


def shift(case, last):
    """The compressed members, from number `last` on, get the next number."""
    for number in range(last, 0, -1):
        os.rename(f"{case.rotated(number)}.gz", f"{case.rotated(number + 1)}.gz")


def state_of(case, path):
    files = case.agent.command("status", "--socket", case.agent.settings["status_socket"], "--files")
    return next((line for line in files.stdout.splitlines() if path.name in line), "")


@in_every_variant
@every_member
@compressed
def test_t3_the_log_is_rotated_and_compressed_at_once(case):
    case.start()
    case.write(300)
    case.settled()
    case.interrupt()
    case.write(300)
    case.rotate()
    gzip(case.rotated(1))
    case.write(300)
    case.check()


@in_every_variant
@every_member
@compressed
def test_t3_every_rotation_is_compressed_and_the_oldest_member_is_deleted(case):
    case.start()
    for number in range(4):
        case.write(200)
        case.settled()
        if number == 2:
            case.interrupt()
        case.rotate()
        shift(case, min(number, 2))
        gzip(case.rotated(1))
        case.write(10)
        case.resume()
    oldest = case.logs / "app.log.3.gz"
    known = ("done", "departing", "held: the compressed copy")
    wait_until(lambda: any(word in state_of(case, oldest) for word in known), 20,
               "the oldest member to be recognised")
    oldest.unlink()
    case.check(unwatched=True)


@in_every_variant
@every_member
@compressed
def test_t3_the_log_is_copied_truncated_and_compressed(case):
    case.start()
    case.write(300)
    case.settled()
    case.interrupt()
    with case.rotated(1).open("wb") as copy:
        copy.write(case.log.read_bytes())
    os.truncate(case.log, 0)
    gzip(case.rotated(1))
    case.write(300)
    case.check()


@in_every_variant
@every_member
@compressed
def test_t15_a_member_is_there_plain_and_compressed(case):
    case.write(300, case.rotated(2), source="two")
    gzip(case.rotated(2), "--keep")
    case.write(300, case.rotated(1), source="one")
    case.start()
    case.settled()
    case.interrupt()
    gzip(case.rotated(1), "--keep")
    case.write(300, source="log")
    case.resume()
    case.settled()
    case.rotated(1).unlink()
    case.rotated(2).unlink()
    case.check()


@every_member
@compressed
def test_t15_members_are_read_oldest_first(case):
    for number in range(5, 0, -1):
        case.write(2000, case.rotated(number), width=200)
        os.utime(case.rotated(number), (10**9 - number, 10**9 - number))
        gzip(case.rotated(number))
    case.start()
    case.check()


@every_member
@compressed
def test_t15_an_archive_of_several_archives(case):
    whole = case.logs / "app.log.1.gz"
    for part in range(3):
        case.write(100, case.rotated(part + 2))
        archive = gzip(case.rotated(part + 2))
        with whole.open("ab") as file:
            file.write(archive.read_bytes())
        archive.unlink()
    case.start()
    case.settled()
    more = case.logs / "more"
    case.write(100, more)
    with whole.open("ab") as file:
        file.write(gzip(more).read_bytes())
    case.check()


@in_variants(STOPPED, KILLED)
@every_member
@with_flow(compressed=True, settings={"shutdown_timeout": "1s"})
def test_t15_the_agent_ends_in_the_middle_of_a_large_one(case):
    case.write(60000, case.rotated(1), width=200)
    gzip(case.rotated(1))
    case.sandbox.faults(error_503=1.0)
    case.start()
    wait_until(lambda: case.agent.flow()["counters"]["queue_waits"] > 0, 20, "the queue to be full")
    case.interrupt()
    case.sandbox.no_faults()
    case.check()


@every_member
@compressed
def test_t15_an_archive_that_ends_early(case):
    case.write(1000, case.rotated(2), width=200)
    archive = gzip(case.rotated(2))
    case.write(300, source="log")
    os.truncate(archive, archive.stat().st_size // 2)
    case.start()
    wait_until(lambda: "ends early" in state_of(case, archive), 20, "the agent to say how it ends")
    assert "ends early" in case.agent.log()
    assert case.agent.flow()["counters"]["archives_broken"] == 1
    read = case.agent.books()["read"]
    assert 300 + 1000 // 3 < read["records"] < 1300, read


@in_variants(STOPPED, KILLED)
@every_member
@with_flow(compressed=True, close_after="500ms")
def test_t15_what_a_cut_archive_of_a_known_log_lacks_is_lost_and_said(case):
    case.write(300, width=200)
    case.start()
    case.settled()
    case.interrupt()
    case.write(1000, width=200)
    content = case.log.read_bytes()
    gone = case.write(1000, width=200)
    case.log.unlink()
    deflate = zlib.compressobj(wbits=31)  # an archive, as gzip makes it
    archive = case.logs / "app.log.1.gz"
    archive.write_bytes(deflate.compress(content) + deflate.flush(zlib.Z_FULL_FLUSH))
    case.check(at_most=gone, at_least=0)
    assert f"app.log.1.gz ends early, after {len(content)} bytes of content" in case.agent.log()


@every_member
@compressed
def test_t15_an_archive_with_an_error_stops_no_other(case):
    gone = case.write(2000, case.rotated(2), width=200)
    archive = gzip(case.rotated(2))
    data = bytearray(archive.read_bytes())
    data[len(data) // 2:len(data) // 2 + 64] = bytes(64)
    archive.write_bytes(data)
    case.write(300, source="log")
    case.start()
    wait_until(lambda: "damaged" in state_of(case, archive), 20, "the agent to say what is wrong")
    assert case.agent.flow()["counters"]["archives_broken"] == 1
    assert case.agent.books()["read"]["records"] < 300 + len(gone)


@every_member
@compressed
def test_t15_what_is_behind_damage_is_counted_by_the_trailer(case):
    case.write(1000, case.rotated(1), width=200)
    content = case.rotated(1).read_bytes()
    gone = case.write(700, case.rotated(1), width=200)
    deflate = zlib.compressobj(wbits=31)
    archive = deflate.compress(content) + deflate.flush(zlib.Z_FULL_FLUSH)
    rest = bytearray(deflate.compress(case.rotated(1).read_bytes()[len(content):]) + deflate.flush())
    rest[0] |= 6  # a block of no type
    case.rotated(1).unlink()
    case.logs.joinpath("app.log.1.gz").write_bytes(archive + rest)
    case.write(300, source="log")
    case.start()
    case.check(at_most=gone, at_least=gone.size)
    assert f"app.log.1.gz is damaged after {len(content)} bytes" in case.agent.log()


@every_member
@with_flow(compressed=True, compressed_max_size="1MiB")
def test_t15_a_bomb_is_left_where_it_is(case):
    bomb = case.logs / "app.log.9"
    with bomb.open("wb") as file:
        file.truncate(64 << 20)
    archive = gzip(bomb, "--fast")
    case.start()
    case.write(300)
    wait_until(lambda: "compressed_max_size" in state_of(case, archive), 20, "the agent to stop there")
    case.write(300)
    wait_until(lambda: case.agent.books()["read"]["records"] >= 600, 20, "the log to be read")


@every_member
def test_archives_that_are_not_wanted_are_named(case):
    case.write(300, case.rotated(1))
    archive = gzip(case.rotated(1))
    case.ledger.written.clear()
    case.write(300, source="log")
    case.start()
    case.settled()
    assert "set compressed: true" in state_of(case, archive)
    case.check()

@every_member
@compressed
def test_once_reads_archives_to_their_end(case):
    for number in (2, 1):
        case.write(2000, case.rotated(number), width=100)
        gzip(case.rotated(number))
    case.write(300, source="log")
    assert case.agent.run_once() == 0, case.agent.log()
    case.start()
    case.check()


@every_member
@compressed
def test_an_archive_is_shipped_when_all_of_its_content_was_acknowledged(case):
    def shipped(path, wait):
        return case.agent.command("shipped", "--socket", case.agent.settings["status_socket"],
                                  "--wait", wait, path)

    case.write(300, case.rotated(1))
    whole = gzip(case.rotated(1))
    case.write(3000, case.rotated(2), width=200)
    cut = gzip(case.rotated(2))
    os.truncate(cut, cut.stat().st_size // 2)
    case.start()
    result = shipped(whole, "20s")
    assert result.returncode == 0, result.stderr
    result = shipped(cut, "1s")
    assert result.returncode == 1 and "its content is not read to its end" in result.stderr


@in_variants(KILLED)
@with_patterns("app.log")
@compressed
def test_t3_an_archive_that_no_pattern_matches_takes_along_what_was_not_read(case):
    case.start()
    case.write(300)
    case.settled()
    case.fill_queue()
    gone = case.write(300, width=200)
    case.wait_seen()
    case.interrupt()
    case.sandbox.no_faults()
    case.rotate()
    gzip(case.rotated(1))
    case.write(300)
    case.check(at_most=gone, at_least=0)  # how much was seen is not stored while the queue is full
