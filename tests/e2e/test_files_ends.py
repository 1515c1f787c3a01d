"""Short files, and last lines that are completed later (SCORECARD T10)."""

import pytest

from support.file_case import in_every_variant, with_flow, with_patterns

SIZES = [0, 1, 10, 255, 1023]  # the head of a file that is remembered has 1,024 bytes
CUTS = {"in a character": (" ç".encode(), 1), "in a line ending": (b"\r\n", 1)}


class Unfinished:
    """A file of a given size that ends with a newline or without, and a last line for it in two parts."""

    def __init__(self, case, size, ended, cut):
        self.path = case.logs / f"{size}-{'ended' if ended else 'open'}.log"
        name = b"id=" + self.path.stem.encode()
        self.whole = name.ljust(size - 1, b".")[:size - 1] + b"\n" if ended and size > 0 else b""
        self.start = self.whole or name.ljust(size, b".")[:size]
        between, split = CUTS[cut]
        rest = b" id=last-" + self.path.stem.encode() + between
        self.parts = [rest[:-len(between) + split], rest[-len(between) + split:]]
        self.parts[1] += b"" if rest.endswith(b"\n") else b" and the end\n"
        last = (b"" if self.whole else self.start) + b"".join(self.parts)
        self.records = ([self.whole] if self.whole else []) + [last.replace(b"\r", b"")]
        self.path.write_bytes(self.start)

    def append(self, part):
        with self.path.open("ab") as file:
            file.write(self.parts[part])


@in_every_variant
@with_patterns("*.log")
@pytest.mark.parametrize("cut", CUTS)
def test_t10_a_last_line_is_completed_by_two_later_writes(case, cut):
    files = [Unfinished(case, size, ended, cut) for size in SIZES for ended in (True, False)]
    case.start()
    case.wait_read()
    for part in (0, 1):
        case.interrupt()
        for file in files:
            file.append(part)
        case.resume()
        case.wait_read()
    case.check_records(record for file in files for record in file.records)


@in_every_variant
@with_patterns("*.log")
@with_flow(partial_line_timeout="50ms")
def test_t10_short_files_without_a_newline_are_whole_after_the_timeout(case):
    contents = [b"".join(str((size + at) % 10).encode() for at in range(size)) for size in SIZES]
    case.start()
    for size, content in zip(SIZES[:3], contents):
        (case.logs / f"{size}.log").write_bytes(content)
    case.interrupt()
    for size, content in zip(SIZES[3:], contents[3:]):
        (case.logs / f"{size}.log").write_bytes(content)
    case.check_records(content + b"\n" for content in contents if content)
