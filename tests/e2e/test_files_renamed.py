"""Logs are renamed and created anew (SCORECARD T1)."""

import os

from support.file_case import in_every_variant, with_patterns

both_patterns = with_patterns("app.log", "app.log*")


@in_every_variant
@both_patterns
def test_t1_the_log_is_renamed_then_created_anew(case):
    case.write(300)
    case.start()
    case.interrupt()
    case.write(100)
    with case.log.open("ab") as late:
        case.rotate()
        case.write(50, late, source="late")
        case.write(200, source="new")
        case.write(50, late, source="late")
    case.check()


@in_every_variant
@both_patterns
def test_t1_the_new_log_is_created_before_the_old_one_is_renamed(case):
    case.write(300)
    case.start()
    case.interrupt()
    case.write(100)
    new = case.logs / "new"
    case.write(100, new, source="new")
    with case.log.open("ab") as late:
        case.rotate()
        os.rename(new, case.log)
        case.write(50, late, source="late")
        case.write(100, source="new")
    case.check()


@in_every_variant
def test_t1_the_renamed_log_is_written_to_long_after(case):
    """A writer that does not open the log again for as long as its end is not proven."""
    case.write(100)
    case.start()
    with case.log.open("ab") as late:
        case.rotate()
        case.write(100, source="new")
        case.settled()
        case.interrupt()
        case.write(100, late, source="late")
    case.check()
