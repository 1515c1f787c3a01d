"""Encodings, line endings and records of several lines (SCORECARD T14), by files that are written in
parts: each cut is in the middle of a line, a character or a record, and there the variant strikes."""

import pytest
from support.file_case import KILLED, RUNNING, STOPPED, in_every_variant, in_variants, with_flow, with_patterns

BOM = "\ufeff"
MAX_LINE = 128 << 10
LINES = ["plain", "", "grüße, 10 €", "😀" * 40, "a\rb", "x" * 3000, "\u0a0d\u0d0a\u0a00\u000b"]
TIMEOUT = {"timeout": "5s"}  # longer than a restart takes

# The ballast that slows the agent down is ASCII with newlines, which these flows do not read as such.
in_variants_without_ballast = in_variants(RUNNING, STOPPED, KILLED)


def write_in_parts(case, data, cuts):
    with case.log.open("ab", buffering=0) as log:
        for start, end in zip([0, *cuts], [*cuts, len(data)]):
            log.write(data[start:end])
            if end != len(data):
                case.wait_read()
                case.interrupt()
            case.resume()


def check_text(case, data, lines, cut_before):
    cut = data.index(cut_before) if isinstance(cut_before, bytes) else cut_before
    case.start()
    write_in_parts(case, data, [cut + 1, cut + 3 + (len(data) - cut) // 2])
    books = case.check_records(line.encode() + b"\n" for line in lines)
    assert books["filtered"]["records"] == 0, books


@in_variants_without_ballast
@with_flow(max_line=MAX_LINE, encoding="utf-16", line_ending="crlf")
@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf16_with_a_byte_order_mark(case, order):
    lines = [*LINES, "a lone\nnewline"]
    data = (BOM + "".join(line + "\r\n" for line in lines)).encode(order)
    check_text(case, data, lines, "😀".encode(order))


@in_variants(KILLED)
@with_flow(max_line=MAX_LINE, encoding="utf-16le")
def test_utf16_with_a_damaged_character(case):
    data = "one\n".encode("utf-16-le") + b"\x3d\xd8" + "two\r\nthree\n".encode("utf-16-le")
    case.start()
    write_in_parts(case, data, [9, 13])
    case.check_records([b"one\n", "\ufffdtwo\n".encode(), b"three\n"])


@in_every_variant
@with_flow(max_line=MAX_LINE, encoding="latin1")
def test_latin1(case):
    lines = ["plain", "", "grüße", "ÿ" * 500, "\x80\x9f"]
    check_text(case, "".join(line + "\n" for line in lines).encode("latin1"), lines, b"\xff")


@in_variants(KILLED)
@with_flow(line_ending="crlf")
def test_lines_that_end_in_crlf_only(case):
    lines = ["a\nb", "c\rd", "", "e" * 70000]
    check_text(case, "".join(line + "\r\n" for line in lines).encode(), lines, b"\r\n")


@in_variants(KILLED)
@with_flow(line_ending="\n\x1e")
def test_lines_that_end_in_a_text_of_ones_own(case):
    lines = ['{"a": 1,\n "b": 2}', "\n", "x", "y\x1ez"]
    expected = [line if line.endswith("\n") else line + "\n" for line in lines]
    data = "".join(line + "\n\x1e" for line in lines).encode()
    case.start()
    write_in_parts(case, data, [data.index(b"\n\x1e") + 1, data.index(b"x\n") + 2])
    case.check_records(line.encode() for line in expected)


@in_variants_without_ballast
@with_patterns("app.log*")
@with_flow(multiline={"continue": r"^\s", "max_lines": 3, **TIMEOUT})
def test_stack_traces_across_a_rotation(case):
    case.start()
    data = b"one\n\tat a\ntwo\nthree\n\tat b\n"
    write_in_parts(case, data, [data.index(b"at a") + 1, data.index(b"\tat b")])
    case.rotate()
    case.interrupt()
    with case.log.open("ab") as log:
        log.write(b"\tat c\nfour\n\tat d\n\tat e\n")
    case.check_records([b"one\n\tat a\n", b"two\n", b"three\n\tat b\n", b"\tat c\n",
                        b"four\n\tat d\n\tat e\n"])


@in_variants_without_ballast
@with_patterns("app.log*")
@with_flow(multiline={"start": "^# ", "end": ";$", **TIMEOUT})
def test_statements_from_their_start_to_their_end(case):
    case.start()
    data = b"# 1\nselect\n 2;\nstray\n# 3\nselect 4;\n# 5\nselect\n"
    write_in_parts(case, data, [data.index(b"lect") + 2, data.index(b" 4;") + 3])
    case.rotate()
    case.interrupt()
    with case.log.open("ab") as log:
        log.write(b"6;\n# 7\n8;\n")
    case.check_records([b"# 1\nselect\n 2;\n", b"stray\n", b"# 3\nselect 4;\n", b"# 5\nselect\n",
                        b"6;\n", b"# 7\n8;\n"])


@in_variants(STOPPED, KILLED)
@with_flow(max_line=MAX_LINE, encoding="utf-16", line_ending="crlf", multiline={"end": r"(?<!\\)$", **TIMEOUT})
def test_wide_lines_that_go_on_behind_a_backslash(case):
    records = ["a\\\r\nb\\\r\n€", "c", "😀\\\r\nd"]
    data = (BOM + "".join(record + "\r\n" for record in records)).encode("utf-16-le")
    check_text(case, data, records, "b\\".encode("utf-16-le"))
