"""What was written against what arrived, as an exact multiset of line ids."""

import collections
import re

ID = re.compile(rb"\bid=([0-9a-z-]+)")


class Ledger:
    """Every line that a test writes gets an id from here."""

    def __init__(self):
        self.written = {}  # id -> (source, index within the source)
        self.filtered = set()

    def line(self, source="f", filtered=False, text=None, width=0):
        """A new line without its newline. `source` is where its order counts."""
        number = len(self.written)
        identity = f"{source}-{number}"
        self.written[identity] = (source, number)
        if filtered:
            self.filtered.add(identity)
        body = text or f'192.0.2.{number % 250 + 1} - - "GET /shelf/{number % 97} HTTP/1.1" 200'
        line = f"{body} id={identity}"
        return line.ljust(width, ".") if width > len(line) + 1 else line

    def check_order(self, arrived):
        """Lines of one source have arrived as they were written; those that came again do not count."""
        last = {}
        seen = set()
        for record in arrived:
            for identity in map(bytes.decode, ID.findall(record)):
                if identity in seen or identity not in self.written:
                    continue
                seen.add(identity)
                source, number = self.written[identity]
                before = last.get(source, (-1, None))
                assert number > before[0], f"{identity} has arrived after {before[1]}"
                last[source] = (number, identity)

    def compare(self, arrived):
        """`arrived` is a list of records (bytes), each of one or more lines."""
        counts = collections.Counter()
        foreign = []
        for record in arrived:
            found = ID.findall(record)
            if not found:
                foreign.append(record)
            for identity in found:
                counts[identity.decode()] += 1
        expected = set(self.written) - self.filtered
        return Comparison(
            written=len(self.written),
            filtered=len(self.filtered),
            arrived=sum(counts.values()),
            missing=sorted(expected - set(counts)),
            repeated={i: n for i, n in counts.items() if n > 1},
            unexpected=sorted(set(counts) - expected),
            foreign=foreign)


class Comparison:
    def __init__(self, **fields):
        self.__dict__.update(fields)

    @property
    def repeats(self):
        return sum(n - 1 for n in self.repeated.values())

    def check(self, repeats_max=0):
        """Every line once; at most `repeats_max` lines more than once."""
        assert not self.missing, f"{len(self.missing)} lines missing, first {self.missing[:5]}"
        assert not self.unexpected, f"{len(self.unexpected)} unexpected, first {self.unexpected[:5]}"
        assert not self.foreign, f"{len(self.foreign)} records without an id: {self.foreign[:3]}"
        assert self.repeats <= repeats_max, (
            f"{self.repeats} repeats, at most {repeats_max} are allowed; {list(self.repeated)[:5]}")


def read_stream(sandbox, stream="demo"):
    """Every record of a stream as (shard id, data), in the order of each shard; ends all faults."""
    sandbox.no_faults()
    sandbox.limits(read=False)
    return read_with(sandbox.client("kinesis", retries=True), stream)


def read_with(client, stream="demo"):
    """The same with any client, at the pace that the service allows."""
    records = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        while iterator:
            try:
                answer = client.get_records(ShardIterator=iterator, Limit=10000)
            except client.exceptions.ProvisionedThroughputExceededException:
                continue
            records.extend((shard["ShardId"], record["Data"]) for record in answer["Records"])
            iterator = answer.get("NextShardIterator")
            if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                break
    return records


def delivered(sandbox, stream="demo"):
    """What Firehose has delivered, as the lines of all files; ends all faults, flushes what waits."""
    sandbox.no_faults()
    sandbox.control("flush", {})
    lines = []
    for path in sorted((sandbox.data_dir / "firehose" / stream).glob("[0-9]*/*/*/*/*")):
        if path.is_file():
            lines += path.read_bytes().splitlines()
    return lines
