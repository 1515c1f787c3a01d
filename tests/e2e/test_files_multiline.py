"""Records of several lines, through rotation, restart and the time-out (SCORECARD T14)."""

import os
import shutil

from support.file_case import in_every_variant, with_flow, with_patterns

START = {"start": "^START", "end": " id=ballast-"}
PENDING = b"START of a record that nothing has ended yet\n"


class Records:
    """Writes records of several lines in parts, and knows them whole."""

    def __init__(self):
        self.whole = []

    def parts(self, lines=5):
        """The next record, cut in the middle of its second line."""
        number = len(self.whole)
        record = f"START record {number}\n" + "".join(f"  line {i} of record {number}\n" for i in range(lines))
        self.whole.append(record.encode())
        cut = record.index("\n") + 8
        return record[:cut].encode(), record[cut:].encode()

    def next(self, lines=5):
        return b"".join(self.parts(lines))


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


@in_every_variant
@with_patterns("app.log", "app.log*")
@with_flow(multiline={**START, "timeout": "1m"})
def test_t14_a_record_is_completed_in_the_renamed_file(case):
    records = Records()
    append(case.log, records.next())
    first, rest = records.parts()
    append(case.log, first)
    case.start()
    case.wait_read()
    with case.log.open("ab", buffering=0) as late:
        case.interrupt()
        case.rotate()
        late.write(rest[:10])
        append(case.log, records.next())
        late.write(rest[10:])
    append(case.log, PENDING)
    case.check_records(records.whole, PENDING)


@in_every_variant
@with_patterns("app.log*")
@with_flow(multiline={**START, "timeout": "1m"})
def test_t14_a_record_in_the_making_when_the_log_is_copied_and_truncated(case):
    records = Records()
    append(case.log, records.next())
    first, rest = records.parts()
    append(case.log, first)
    case.start()
    case.wait_read()
    case.interrupt()
    append(case.log, rest)
    shutil.copyfile(case.log, case.rotated(1))
    os.truncate(case.log, 0)
    append(case.log, records.next())
    append(case.log, records.next(lines=200))
    append(case.log, PENDING)
    case.check_records(records.whole, PENDING)


@in_every_variant
@with_flow(multiline={**START, "timeout": "3s"})
def test_t14_the_last_record_is_whole_after_the_timeout(case):
    records = Records()
    first, rest = records.parts()
    append(case.log, first)
    case.start()
    case.wait_read()
    case.interrupt()
    append(case.log, rest)
    case.check_records(records.whole)


@in_every_variant
@with_flow(multiline={**START, "timeout": "100ms"})
def test_t14_a_record_that_is_in_the_file_is_whole_however_slowly_it_is_read(case):
    """The time-out is about the writer's pace: what a full queue holds up is not cut."""
    records = Records()
    case.start()
    case.interrupt()
    append(case.log, b"".join(records.next(lines=300) for _ in range(50)))
    case.check_records(records.whole)
