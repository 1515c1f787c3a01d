"""The segments of a queue as docs/queue-format.md has them: enough to move them to another machine's boot."""

import struct

PAGE = 4096
BLOCK_HEADER = 120
ENTRY = 84
BOOT_ID_AT = 128
CHECKSUM_AT = 8
SOURCE_BLOCK = 1
BEHIND_PATH = {2: 4, 4: 16, 8: 8}  # bytes for each bit of an entry


def _table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def crc32c(data):
    """RFC 3720, appendix B.4."""
    crc = 0xffffffff
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


def _seal(data, start, size):
    """Sets the checksum of a structure whose checksum field is at the usual place."""
    at = start + CHECKSUM_AT
    data[at:at + 4] = bytes(4)
    data[at:at + 4] = struct.pack("<I", crc32c(data[start:start + size]))


def _check(data, start, size):
    copy = bytearray(data[start:start + size])
    _seal(copy, 0, size)
    assert copy == data[start:start + size], "a checksum is not what the document says"


def _set_devices(entries, change):
    at = 0
    while at < len(entries):
        device, = struct.unpack_from("<Q", entries, at + 8)
        struct.pack_into("<Q", entries, at + 8, change(device))
        bits, path_size = struct.unpack_from("<BH", entries, at + 81)
        at += ENTRY + path_size + sum(size for bit, size in BEHIND_PATH.items() if bits & bit)
    assert at == len(entries), "the entries do not end where they should"


def rewrite_boot(directory, boot_id, change):
    """Gives every segment another boot id, and every generation in them the device `change(device)`."""
    for path in sorted(directory.glob("*.seg")):
        data = bytearray(path.read_bytes())
        _check(data, 0, PAGE)
        data[BOOT_ID_AT:BOOT_ID_AT + 37] = boot_id.encode().ljust(37, b"\0")
        _seal(data, 0, PAGE)
        snapshot, = struct.unpack_from("<Q", data, 64)
        _rewrite_snapshot(data, snapshot, change)
        _rewrite_blocks(data, PAGE + snapshot, change)
        path.write_bytes(data)


def _rewrite_snapshot(data, size, change):
    pages = range(PAGE, PAGE + size, PAGE)
    entries = bytearray()
    for page in pages:
        _check(data, page, PAGE)
        used, = struct.unpack_from("<I", data, page + 12)
        entries += data[page + 16:page + 16 + used]
    _set_devices(entries, change)
    for page in pages:
        used, = struct.unpack_from("<I", data, page + 12)
        data[page + 16:page + 16 + used] = entries[:used]
        del entries[:used]
        _seal(data, page, PAGE)


def _rewrite_blocks(data, at, change):
    while data[at:at + 4] == b"KBLK":
        kind, = struct.unpack_from("<H", data, at + 6)
        size, = struct.unpack_from("<I", data, at + 12)
        payload = data[at + BLOCK_HEADER:at + BLOCK_HEADER + size]
        if kind == SOURCE_BLOCK:
            _set_devices(payload, change)
            data[at + BLOCK_HEADER:at + BLOCK_HEADER + size] = payload
            struct.pack_into("<I", data, at + 16, crc32c(payload))
            _seal(data, at, BLOCK_HEADER)
        at += BLOCK_HEADER + size
