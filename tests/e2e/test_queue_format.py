"""A queue that the agent writes is, byte by byte, the one that docs/queue-format.md shows."""

import pathlib
import re

import pytest

from support.agent import Agent, kinesis_flow
from support.namespace import Namespace
from support.oracle import read_stream
from support.privilege import needs_mounts

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "queue-format.md"
SLOT_BYTES = 4273
SLOT_STRIDE = 8192
# What differs from one run to the next: offset and size.
SEGMENT_VARIES = [
    (0x8, 4), (0x28, 8), (0x38, 8), (0x80, 36),  # checksum, time, digest of the patterns, boot id
    (0x1008, 4), (0x1010, 4), (0x1030, 8),  # the source block: checksums, time
    (0x1080, 24), (0x10c0, 8), (0x10cc, 4),  # device, inode, birth; time; the directory
    (0x10e1, 4), (0x1109, 8),  # the data block: checksum, time
    (0x11b5, 4), (0x11dd, 8),  # the footer: checksum, time
]
SLOT_VARIES = [(8, 4), (16, 8), (4224, 8), (4236, 36)]  # checksum, how manieth write, time, boot id


def shown(heading):
    """The bytes of a dump, as offset -> byte, and the offset of its end."""
    dump = {}
    end = 0
    text = PAGE.read_text(encoding="utf-8").split(heading)[1].split("\n## ")[0]
    for line in re.findall(r"^    ([0-9a-f]{8}.*)$", text, re.MULTILINE):
        words = re.split(r" {3,}", line)[0].split()
        end = int(words[0], 16)
        for word in words[1:]:
            dump[end] = int(word, 16)
            end += 1
    return dump, end


def compare(written, dump, varies):
    masked = {offset + i for offset, size in varies for i in range(size)}
    wrong = [f"{offset:#x}: written {byte:#04x}, shown {dump.get(offset, 0):#04x}"
             for offset, byte in enumerate(written) if offset not in masked and byte != dump.get(offset, 0)]
    assert not wrong


@pytest.fixture
def queue(sandbox, tmp_path):
    """The directory of the queue of the page."""
    namespace = Namespace()
    namespace.run("mount", "-t", "tmpfs", "tmpfs", "/mnt")
    logs = namespace.path("/mnt/hx")
    logs.mkdir()
    (logs / "a.log").write_text("hello\nworld\n", encoding="ascii")
    agent = Agent(tmp_path / "a", [kinesis_flow("/mnt/hx/a.log", to={"endpoint": sandbox.url})])
    try:
        agent.start(wrapper=namespace.enter)
        agent.wait_settled(2)
        assert agent.terminate() == 0, agent.log()
        assert len(read_stream(sandbox)) > 0
        yield agent.state_dir / "web"
    finally:
        agent.stop()
        namespace.end()


@needs_mounts
def test_the_dump_of_the_page_is_what_is_written(queue):
    dump, end = shown("### A segment in bytes")
    segment, = queue.glob("*.seg")
    written = segment.read_bytes()
    assert segment.name == "0000000000000001-00000001.seg" and len(written) == end
    compare(written, dump, SEGMENT_VARIES)
    acks = (queue / "ack").read_bytes()
    slots = [acks[start:start + SLOT_BYTES] for start in range(0, len(acks), SLOT_STRIDE)]
    last = max(slots, key=lambda slot: int.from_bytes(slot[16:24], "little"))
    dump, _ = shown("### A slot in bytes")
    compare(last, {offset - min(dump): byte for offset, byte in dump.items()}, SLOT_VARIES)
