"""Our CBOR against python3-cbor2, on random documents in both directions."""

import math
import os
import random
import struct

import cbor2
import pytest

from support.program import run_program

DOCUMENTS = 500
SEED = int(os.environ.get("KINTAIL_SEED", "8949"))
EDGES = [0, 1, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63 - 1]
FLOATS = [0.0, -0.0, 1.5, -4.1, 1e300, 5e-324, 65504.0, 2.0**-24, 3.4028234663852886e38, math.inf,
          -math.inf, math.nan]
TAGS = [6, 65534, 2**32, 2**64 - 1]  # that neither side reads a meaning into
BYTES, TEXT, LIST, MAP, TAG = 2, 3, 4, 5, 6  # major types


class Documents:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def integer(self):
        value = self.random.choice([self.random.choice(EDGES), self.random.getrandbits(40)])
        return self.random.choice([value, -1 - value])

    def text(self):
        return "".join(self.random.choice("ab\0\u00e4\u20ac\U0001f5fb") for _ in range(self.length()))

    def length(self):
        return self.random.choice([0, 1, 5, 23, 24, 255, 256, 300])

    def leaf(self):
        return self.random.choice([
            self.integer, self.text, lambda: self.random.randbytes(self.length()),
            lambda: self.random.choice([True, False, None, *FLOATS])])()

    def make(self, depth=0):
        count = self.random.choice([0, 1, 2, 5, 24]) >> depth
        kind = self.random.random() + depth / 20
        if kind < 0.35:
            return [self.make(depth + 1) for _ in range(count)]
        if kind < 0.7:
            return {self.random.choice([self.text, self.integer])(): self.make(depth + 1)
                    for _ in range(count)}
        if kind < 0.75:
            return cbor2.CBORTag(self.random.choice(TAGS), self.make(depth + 1))
        return self.leaf()


class Encoder:
    """Writes a document in any of the forms that RFC 8949 allows."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def head(self, major, argument):
        sizes = [size for size in (1, 2, 4, 8) if argument < 256**size]
        if argument < 24 and self.random.random() < 0.7:
            return bytes([major << 5 | argument])
        size = self.random.choice(sizes)
        return bytes([major << 5 | 23 + size.bit_length()]) + argument.to_bytes(size, "big")

    def collection(self, major, count, inner):
        if self.random.random() < 0.5:
            return self.head(major, count) + inner
        return bytes([major << 5 | 31]) + inner + b"\xff"

    def string(self, major, data, cuts):
        if self.random.random() < 0.5:
            return self.head(major, len(data)) + data
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])]
        return bytes([major << 5 | 31]) + b"".join(
            self.head(major, len(piece)) + piece for piece in pieces) + b"\xff"

    def encode(self, value):
        if isinstance(value, bool) or value is None:
            return cbor2.dumps(value)
        if isinstance(value, int):
            return self.head(0, value) if value >= 0 else self.head(1, -1 - value)
        if isinstance(value, float):  # canonical is the shortest of the three widths
            return cbor2.dumps(value, canonical=self.random.random() < 0.5)
        if isinstance(value, bytes):
            cuts = sorted(self.random.randint(0, len(value)) for _ in range(self.random.randint(0, 3)))
            return self.string(BYTES, value, cuts)
        if isinstance(value, str):  # no piece may end within a character
            half = len(value[:len(value) // 2].encode())
            return self.string(TEXT, value.encode(), [half])
        if isinstance(value, list):
            return self.collection(LIST, len(value), b"".join(map(self.encode, value)))
        if isinstance(value, dict):
            inner = b"".join(self.encode(part) for pair in value.items() for part in pair)
            return self.collection(MAP, len(value), inner)
        return self.head(TAG, value.tag) + self.encode(value.value)


def to_tokens(value, loose=None):
    """The tokens of a document; with `loose`, a source of chance, some lengths are indefinite."""
    if isinstance(value, bool):
        return ["T" if value else "F"]
    if value is None:
        return ["N"]
    if isinstance(value, int):
        return [f"i {value}" if value < 0 else f"u {value}"]
    if isinstance(value, float):
        return [f"d {struct.unpack('>Q', struct.pack('>d', value))[0]:x}"]
    if isinstance(value, (bytes, str)):
        return [f"b {value.hex()}" if isinstance(value, bytes) else f"t {value.encode().hex()}"]
    if isinstance(value, cbor2.CBORTag):
        return [f"g {value.tag}", *to_tokens(value.value, loose)]
    parts = value if isinstance(value, list) else [part for pair in value.items() for part in pair]
    inner = [token for part in parts for token in to_tokens(part, loose)]
    sign = "[" if isinstance(value, list) else "{"
    if loose is not None and loose.random() < 0.5:
        return [f"{sign} *", *inner, "]"]
    return [f"{sign} {len(value)}", *inner]


BREAK = object()


def from_tokens(tokens):
    """The document of an iterator over tokens, or BREAK."""
    sign, _, rest = next(tokens).partition(" ")
    if sign in "TFN]":
        return {"T": True, "F": False, "N": None, "]": BREAK}[sign]
    if sign in "un":
        return int(rest) if sign == "u" else -1 - int(rest)
    if sign == "d":
        return struct.unpack(">d", struct.pack(">Q", int(rest, 16)))[0]
    if sign in "bt":
        data = bytes.fromhex(rest)
        return data if sign == "b" else data.decode()
    if sign == "g":
        return cbor2.CBORTag(int(rest), from_tokens(tokens))
    parts = []
    count = None if rest == "*" else int(rest) * (1 if sign == "[" else 2)
    while count is None or len(parts) < count:
        part = from_tokens(tokens)
        if part is BREAK:
            break
        parts.append(part)
    return parts if sign == "[" else dict(zip(parts[::2], parts[1::2]))


def check_same(ours, theirs):
    """Token by token, so that NaN is equal to itself and 1, 1.0 and True are three things."""
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert to_tokens(a) == to_tokens(b), f"seed {SEED + i}"


@pytest.fixture(scope="module")
def documents():
    return [Documents(SEED + i).make() for i in range(DOCUMENTS)]


def read_with_ours(encoded):
    answers = run_program("cbor_tokens", encoded, "read")
    return [from_tokens(iter(answer.decode().splitlines())) for answer in answers]


def test_what_they_write_we_read(documents):
    check_same(read_with_ours([cbor2.dumps(document) for document in documents]), documents)


def test_every_form_of_a_document_is_read_as_the_same(documents):
    encoded = [Encoder(SEED + i).encode(document) for i, document in enumerate(documents)]
    check_same([cbor2.loads(data) for data in encoded], documents)
    check_same(read_with_ours(encoded), documents)


def test_what_we_write_they_read(documents):
    for loose in (None, random.Random(SEED)):
        texts = ["".join(f"{token}\n" for token in to_tokens(d, loose)) for d in documents]
        written = run_program("cbor_tokens", texts, "write")
        check_same([cbor2.loads(data) for data in written], documents)


def test_integers_beyond_the_signed_range_are_read():
    values = [2**63, 2**64 - 1, -2**63 - 1, -2**64]
    check_same(read_with_ours(map(cbor2.dumps, values)), values)


def test_half_and_single_floats_are_read_as_theirs():
    encoded = [b"\xf9" + struct.pack(">H", bits) for bits in range(0, 65536, 7)]
    encoded += [b"\xfa" + struct.pack(">I", random.Random(SEED + i).getrandbits(32))
                for i in range(1000)]
    for ours, data in zip(read_with_ours(encoded), encoded):
        theirs = cbor2.loads(data)
        assert ours == theirs or math.isnan(ours) and math.isnan(theirs), data.hex()


def test_a_document_that_ends_early_is_refused_by_both(documents):
    encoded = [Encoder(SEED + i).encode(document) for i, document in enumerate(documents[:100])]
    chance = random.Random(SEED)
    cut = [data[:chance.randrange(len(data))] for data in encoded for _ in range(5)]
    for data in cut:
        with pytest.raises(cbor2.CBORDecodeError):
            cbor2.loads(data)
    assert set(run_program("cbor_tokens", cut, "read")) == {b"error"}
