"""The small programs of tests/e2e/programs, which speak netstrings."""

import subprocess

from support.agent import BUILD


def netstring(content):
    data = content.encode() if isinstance(content, str) else content
    return b"%d:%b," % (len(data), data)


def split_netstrings(data):
    fields = []
    while data:
        size, _, data = data.partition(b":")
        fields.append(data[:int(size)])
        assert data[int(size):int(size) + 1] == b",", "not a netstring"
        data = data[int(size) + 1:]
    return fields


def run_program(name, fields, *arguments):
    """Gives the fields to a program and returns those that it answers."""
    result = subprocess.run(
        [BUILD / "tests" / f"program_{name}", *arguments], input=b"".join(map(netstring, fields)),
        capture_output=True, timeout=60, check=False)
    assert result.returncode == 0, (result.returncode, result.stderr)
    return split_netstrings(result.stdout)
