"""Lines at and beyond the limit, NULs and invalid UTF-8 (SCORECARD T12)."""

from support.file_case import in_every_variant, with_flow, with_patterns

LIMIT = 1024
BY_POLICY = {
    "split": lambda line: [line[at:at + LIMIT] for at in range(0, len(line), LIMIT)],
    "truncate": lambda line: [line[:LIMIT]],
    "skip": lambda line: [],
    "dead_letter": lambda line: [],
}


def lines_around_the_limit():
    sizes = [LIMIT - 1, LIMIT, LIMIT + 1, 2 * LIMIT, 2 * LIMIT + 1, 10 * LIMIT, 50]
    return [b"line %d " % number + bytes([b"abcdefgh"[number]]) * (size - 7)
            for number, size in enumerate(sizes)]


def check_policy(case, policy):
    lines = lines_around_the_limit()
    case.start()
    log = case.log.open("ab", buffering=0)
    for number, line in enumerate(lines):
        log.write(line[:-len(line) // 3])
        if number % 2 == 1:
            case.wait_read()
            case.interrupt()
        log.write(line[-len(line) // 3:] + b"\n")
        case.resume()
    log.close()
    over = [line for line in lines if len(line) > LIMIT]
    kept = [line for line in lines if len(line) <= LIMIT]
    pieces = [piece for line in over for piece in BY_POLICY[policy](line)]
    books = case.check_records(piece + b"\n" for piece in kept + pieces)
    size = sum(len(line) + 1 for line in over)
    assert books["filtered"]["bytes"] == (size if policy == "skip" else 0), books
    assert books["dead_lettered"]["bytes"] == (size if policy == "dead_letter" else 0), books


@in_every_variant
@with_flow(max_line=LIMIT, ballast_width=LIMIT, over_long="split")
def test_t12_longer_lines_are_split(case):
    check_policy(case, "split")


@in_every_variant
@with_flow(max_line=LIMIT, ballast_width=LIMIT, over_long="truncate")
def test_t12_longer_lines_are_truncated(case):
    check_policy(case, "truncate")


@in_every_variant
@with_flow(max_line=LIMIT, ballast_width=LIMIT, over_long="skip")
def test_t12_longer_lines_are_skipped(case):
    check_policy(case, "skip")


@in_every_variant
@with_flow(max_line=LIMIT, ballast_width=LIMIT, over_long="dead_letter")
def test_t12_longer_lines_are_dead_letters(case):
    check_policy(case, "dead_letter")


@in_every_variant
def test_t12_nuls_and_invalid_utf8_arrive_as_they_were_written(case):
    lines = [b"a", b"\0" * 3000, b"\0id\0\0", b"\xff\xfe\xfd", b"\xc3", b"\xed\xa0\x80 surrogate", b"\xf4\x90\x80\x80",
             b"latin \xe4\xf6\xfc", b"overlong \xc0\xaf", bytes(set(range(256)) - {10, 13})]
    case.log.write_bytes(b"\n".join(lines[:5]) + b"\n" + lines[5][:5])
    case.start()
    case.wait_read()
    case.interrupt()
    with case.log.open("ab") as log:
        log.write(lines[5][5:] + b"\n" + b"\n".join(lines[6:]) + b"\n")
    case.check_records(line + b"\n" for line in lines)


@in_every_variant
def test_t12_a_hole_is_read_as_what_it_is(case):
    """Between two lines, as a writer without O_APPEND leaves it behind when the file was truncated."""
    case.log.write_bytes(b"before\n")
    case.start()
    case.wait_read()
    case.interrupt()
    with case.log.open("r+b") as log:
        log.seek(300_000)
        log.write(b"\nbehind\n")
    case.check_records([b"before\n", b"\0" * (300_000 - 7) + b"\n", b"behind\n"])
