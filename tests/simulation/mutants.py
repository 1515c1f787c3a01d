"""Deliberate bugs: each is put into the program, and the simulation must find it.

A mutant is a change of the text of one file, which is compiled by itself and linked in front of the
libraries of build-test. The product so carries no switch and no trace of it, and the mutants are
the code that it runs but for that change, at the same speed. A mutant that does not apply any more
is an error. `./dev mutants [--runs N] [NAME...]` prints the table.

The file `seeds` names for each mutant the first run that finds it; the tests always do these. After
a change of the simulation they find other things: `./dev mutants --write` names them anew.
"""

import argparse
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("KINTAIL_BUILD", ROOT / "build-test"))
QUEUE, SINK, SOURCE, RUNTIME = "agent/queue/", "agent/sink/", "agent/source/", "agent/runtime/"
RECORD = "agent/record/"

# name, file, text, what takes its place; more of these two; perhaps the unit test that finds it
MUTANTS = [
    # Queue: writing
    ("positions_written_without_their_data", QUEUE + "append.c",
     "finish_block(queue, &builder->block, BLOCK_DATA, records_end - BLOCK_HEADER_BYTES);",
     "finish_block(queue, &builder->block, BLOCK_DATA, records_end - BLOCK_HEADER_BYTES);\n"
     "        if (builder->record_count > 9) { builder->block.data[BLOCK_HEADER_BYTES] ^= 1; }"),
    ("failed_append_counts_as_written", QUEUE + "append.c",
     "    if (error != 0) {\n        return error;\n    }\n    publish(queue, end",
     "    if (error != 0 && error != -5) {\n        return error;\n    }\n    publish(queue, end"),
    ("segment_limit_ignored", QUEUE + "append.c",
     "bool over = out->crowded || queue_bytes(queue) + bytes > queue->config.max_size;",
     "bool over = out->crowded && bytes == 0;"),
    ("epoch_of_an_opening_used_again", QUEUE + "open.c",
     "return epoch + 1;", "return epoch == 0 ? 1 : epoch;"),
    # Queue: syncing
    ("failed_sync_tried_again", QUEUE + "sync.c",
     "int error = needed ? queue->io->fdatasync(queue->io, segment->fd) : 0;",
     "int error = needed ? queue->io->fdatasync(queue->io, segment->fd) : 0;\n"
     "    if (error == -5) { error = queue->io->fdatasync(queue->io, segment->fd); }"),
    ("failed_sync_ignored", QUEUE + "sync.c",
     "    if (error != 0) {\n        queue_condemn(queue);\n        return E_CONDEMNED;",
     "    if (error != 0 && error != -5) {\n        queue_condemn(queue);\n"
     "        return E_CONDEMNED;"),
    ("directory_not_synced", QUEUE + "sync.c",
     "int error = dir_dirty ? queue->io->sync_dir(queue->io, queue->dir) : 0;",
     "int error = 0; (void)dir_dirty;"),
    ("segment_removed_before_its_ack_is_synced", QUEUE + "sync.c",
     "if (!gave && queue_sync_acks(queue) != 0) {", "if (!gave && queue->condemned) {"),
    ("segment_removed_before_it_is_settled", QUEUE + "sync.c",
     "candidate->end_sequence <= queue->settled_frontier + 1 &&",
     "candidate->end_sequence <= queue->settled_frontier + 3 &&"),
    ("segment_removed_before_its_successor_is_synced", QUEUE + "sync.c",
     "return successor->synced >= successor->data_offset;", "return true;",
     "if (candidate->sealed && ", "if (",
     "if (queue->segment_count > 1 && !queue->condemned && !queue->dir_dirty) {",
     "if (queue->segment_count > 1 && !queue->condemned) {",
     "    struct work work = work_of(queue, now_ns);\n",
     "    (void)give_back(queue);\n    struct work work = work_of(queue, now_ns);\n"),
    ("footer_before_its_data", QUEUE + "sync.c",
     "int error = needed ? queue->io->fdatasync(queue->io, segment->fd) : 0;",
     "int error = needed && !finished ? queue->io->fdatasync(queue->io, segment->fd) : 0;"),
    # Queue: acknowledging
    ("highest_instead_of_contiguous_ack", QUEUE + "window.c",
     "    if (sequence == window->frontier + 1) {\n        window->frontier = sequence;\n    } else {",
     "    if (sequence > window->frontier) {\n        window->frontier = sequence;\n    } else {"),
    ("ack_slot_always_the_same", QUEUE + "ackslot.c", "slot->kept | 1U << slot->last", "0"),
    ("synced_ack_slot_written_over", QUEUE + "ackslot.c", "slot->kept | 1U << slot->last",
     "1U << slot->last"),
    ("offer_not_noted", QUEUE + "take.c",
     "    queue->ack_dirty = true;\n    int error = queue_persist_acks(queue);\n"
     "    if (error != 0) {\n        queue->ack.submitted = before;",
     "    int error = 0;\n    if (error != 0) {\n        queue->ack.submitted = before;"),
    ("acks_not_written", QUEUE + "take.c",
     "error = queue_write_acks(queue);", "error = 0;"),
    ("ack_written_before_the_dead_letter_is_synced", QUEUE + "take.c",
     "int error = deadletter_sync(queue->deadletter);", "int error = 0;"),
    # Queue: recovery
    ("block_checksum_not_checked", QUEUE + "block.c",
     "crc32c(0, payload.data, payload.size) == header->payload_crc", "payload.data != NULL"),
    ("page_checksum_not_checked", QUEUE + "segment.c",
     "return load_u32(page) == magic && crc == crc32c(0, page, SEGMENT_PAGE_BYTES);",
     "(void)crc;\n    return load_u32(page) == magic;", "unit_queue_test_damage"),
    ("replacement_not_synced", QUEUE + "open_replace.c",
     "end < 0 ? (int)end : io->fdatasync(io, segment->fd);", "end < 0 ? (int)end : 0;"),
    ("replacement_without_its_directory", QUEUE + "open_replace.c",
     "if (error == 0 && io->sync_dir(io, queue->dir) != 0) {", "if (error == -1) {",
     "        error = queue->io->sync_dir(queue->io, queue->dir);", "        error = 0;"),
    ("sequences_used_again", QUEUE + "open.c",
     "    last = ack->submitted > last ? ack->submitted : last;\n", ""),
    ("read_on_behind_a_gap", QUEUE + "open.c",
     "return follows ? take_snapshot(recovery, found) : E_CORRUPT;",
     "(void)follows;\n    return take_snapshot(recovery, found);"),
    ("notes_of_files_in_a_lost_block_forgotten", QUEUE + "open.c",
     "return follows ? take_snapshot(recovery, found) : E_CORRUPT;",
     "return follows ? 0 : E_CORRUPT;", "unit_queue_test_damage"),
    ("segment_behind_a_torn_footer_discarded", QUEUE + "open.c",
     "    if (cut) {\n", "    if (cut) {\n        return E_CORRUPT;\n",
     "unit_queue_test_damage"),
    ("name_of_a_bad_segment_used_again", QUEUE + "open_find.c",
     "        recovery->bad_epoch = found->segment->epoch;\n", "        ;\n",
     "unit_queue_test_damage"),
    ("segment_synced_before_its_name", QUEUE + "sync.c",
     "if (wanted && segment->id <= last_id) {", "if (wanted && segment->id <= UINT64_MAX) {",
     "unit_queue_test_power"),
    ("possible_repeats_not_reported", QUEUE + "open.c",
     "report->maybe_repeated = offered - answered + report->records_rewound;",
     "report->maybe_repeated = (offered - answered) / 2 + report->records_rewound;"),
    ("time_of_possible_repeats_not_reported", QUEUE + "open.c",
     "!ack->closed && strcmp(ack->boot_id, queue->boot_id) != 0 ? ack->written_ns : 0;",
     "!ack->closed && strcmp(ack->boot_id, queue->boot_id) != 0 ? ack->written_ns * 2 : 0;"),
    ("cleaned_acks_not_written", QUEUE + "open_replace.c",
     "    int error = queue_write_acks(queue);\n    if (error == 0) {",
     "    int error = 0;\n    if (error == 1) {"),
    # Collector
    ("position_one_record_behind", RUNTIME + "collector.c",
     "            tracked->position = framer_position(tracked->framer);\n        }\n"
     "        if (!stored || queue_block_full(queue)) {",
     "        }\n        if (!stored || queue_block_full(queue)) {"),
    ("position_at_the_end_of_what_was_read", RUNTIME + "collector.c",
     "    tracked->position = framer_position(tracked->framer);\n    store_position(collector);",
     "    tracked->position = framer_end(tracked->framer);\n    store_position(collector);"),
    ("record_forgotten_when_the_block_is_full", RUNTIME + "collector.c",
     "        if (stored) {\n            collector->has_record = false;",
     "        if (stored || queue_block_full(queue)) {\n            collector->has_record = false;"),
    ("taken_records_forgotten_by_a_second_drop", QUEUE + "take.c",
     "    resume = taker->not_before > resume ? taker->not_before : resume;\n", ""),
    ("file_that_cannot_be_read_taken_for_another", SOURCE + "restore.c",
     "return error != 0 ? error : identity_goes_on(&facts);",
     "return error == 0 && identity_goes_on(&facts);"),
    ("block_dropped_when_the_disk_is_full", QUEUE + "append.c",
     "    if (error != 0) {\n        return error;\n    }\n    publish(queue, end",
     "    if (error == -28) {\n        builder_reset(builder, &queue->totals);\n"
     "        return 0;\n    }\n"
     "    if (error != 0) {\n        return error;\n    }\n    publish(queue, end"),
    ("last_line_without_newline_dropped", RUNTIME + "collector.c",
     "        framer_finish(tracked->framer);\n", "        ;\n"),
    ("multiline_position_without_the_last_line", RECORD + "multiline.c",
     "joined->source_bytes += line->source_bytes;",
     "joined->source_bytes += multiline->line_count > 2 ? 0 : line->source_bytes;"),
    ("record_of_a_part_of_a_line_never_closed", RECORD + "framer.c",
     "is_open = is_open || framer->rules->multiline.mode != MULTILINE_OFF;", ";"),
    # Source
    ("truncation_not_seen", SOURCE + "reader.c",
     "return fingerprint_equal(*known, fingerprint_of(found)) ? 0 : -ESTALE;",
     "return found.data == NULL ? -ESTALE : 0;"),
    ("copy_taken_for_a_new_file", SOURCE + "identity.c",
     "alike && facts->tail == MATCH_EQUAL", "alike && facts->tail == MATCH_DIFFERENT"),
    ("copy_not_waited_for", SOURCE + "identity.c",
     "return facts->quiet ? COPY_NOT : COPY_PERHAPS;", "return COPY_NOT;"),
    ("new_file_taken_for_a_copy", SOURCE + "identity.c",
     "facts->head == MATCH_DIFFERENT || facts->tail == MATCH_DIFFERENT ||",
     "facts->head == MATCH_DIFFERENT ||",
     "unit_source_test_source"),
    ("archive_taken_for_a_new_file", SOURCE + "compare.c",
     "return compare_archive(source, subject, original, &facts);", "return COPY_NOT;"),
    ("end_proven_at_once", SOURCE + "settle.c",
     "return file->quiet_ns + wait_ms * NS_PER_MS <= source->now_ns;",
     "return file->quiet_ns + wait_ms <= source->now_ns;"),
    ("skip_to_the_middle_of_a_line", SOURCE + "skip.c",
     "(uint64_t)(newline - room) + 1;", "(uint64_t)(newline - room);",
     "unit_source_test_source"),
    # Sender
    ("ack_before_the_answer", SINK + "sender.c",
     "    batch->submitted_ns = now_ns;\n",
     "    batch->submitted_ns = now_ns;\n"
     "    for (size_t k = 0; k < batch->count; k++) {\n"
     "        queue_settle(sender->queue, &batch->offers[k].place, batch->offers[k].source_bytes,"
     " SETTLED_ACKNOWLEDGED);\n    }\n    sender->acks_due = true;\n"),
    ("lost_partial_failure", SINK + "sender_settle.c",
     "    switch ((enum record_verdict)entries->verdict[index]) {",
     "    switch (entries->count[RECORD_ACCEPTED] > 2 ? RECORD_ACCEPTED"
     " : (enum record_verdict)entries->verdict[index]) {"),
    ("unanswered_call_settled", SINK + "sender_settle.c",
     "        if (answer->outcome != TRANSPORT_NOT_SENT) {\n            mark_unanswered(batch);\n",
     "        if (answer->outcome != TRANSPORT_NOT_SENT) {\n            mark_unanswered(batch);\n"
     "            queue_settle(sender->queue, &batch->offers[0].place,"
     " batch->offers[0].source_bytes, SETTLED_ACKNOWLEDGED);\n"),
    ("repeats_not_counted", SINK + "sender.c",
     "        queue_count_repeated(sender->queue, repeated);\n", "        (void)repeated;\n"),
    ("accepted_records_sent_again", SINK + "sender_settle.c",
     "    case RECORD_ACCEPTED:\n        queue_settle(",
     "    case RECORD_ACCEPTED:\n        if (entries->count[RECORD_THROTTLED] > 0) {\n"
     "            park_refused(sender, offer, SHARD_NONE, true, now_ns);\n            break;\n"
     "        }\n        queue_settle("),
    ("offer_after_a_failed_note", SINK + "sender.c",
     "        sender_queue_failed(sender, \"write\", error, now_ns);\n        return false;\n",
     "        sender_queue_failed(sender, \"write\", error, now_ns);\n"
     "        return error == -28;\n"),
]


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False, **options)


def commands_of(target):
    return run("ninja", "-C", BUILD, "-t", "commands", target).stdout.splitlines()


def compile_command(commands, file, source, target):
    """The command that makes an object of a file, for other paths."""
    for command in commands:
        words = shlex.split(command)
        if words[-1] == str(ROOT / file) and "-c" in words:
            words[-1] = str(source)
            words[words.index("-o") + 1] = str(target)
            for option in ("-MT", "-MF"):
                at = words.index(option)
                del words[at:at + 2]
            words.remove("-MD")
            return [*words, "-w"]
    raise LookupError(file)


def link_command(commands, extra, target):
    words = [word for word in shlex.split(commands[-1]) if word not in (":", "&&")]
    at = words.index("-o")
    words[at + 1] = str(target)
    return words[:at] + [str(extra)] + words[at:]


def mutated(mutant):
    """The text of the file with the bug in it, None when there is no place for it."""
    _, file, *texts = mutant
    text = (ROOT / file).read_text()
    for old, new in zip(texts[0::2], texts[1::2]):
        if text.count(old) != 1:
            return None
        text = text.replace(old, new)
    return text


def build(mutant, text, finder, folder):
    """The program that shall find it, or what the compiler said."""
    file = mutant[1]
    source, extra, program = folder / Path(file).name, folder / "mutant.o", folder / "program"
    source.write_text(text)
    commands = commands_of(finder)
    for command in (compile_command(commands, file, source, extra),
                    link_command(commands, extra, program)):
        done = run(*command, cwd=BUILD)
        if done.returncode != 0:
            return None, done.stdout[-2000:]
    return program, ""


def try_mutant(mutant, runs):
    """What became of it: a word and, when it was caught, how."""
    finder = mutant[-1] if len(mutant) % 2 == 1 else "simulate"
    text = mutated(mutant)
    if text is None:
        return "does not apply", ""
    with tempfile.TemporaryDirectory(prefix="kintail-mutant-") as folder:
        program, said = build(mutant, text, finder, Path(folder))
        if program is None:
            return "does not compile", said
        options = ["--runs", str(runs), "--jobs", "1", "--failures", "1"]
        try:
            result = run(program, *(options if finder == "simulate" else []), timeout=600)
        except subprocess.TimeoutExpired:
            return "caught", "a run without end"
    if result.returncode == 0:
        return "MISSED", ""
    found = re.search(r"^(seed \d+.*|.*assertion failed.*|.*:[FE]:.*)$", result.stdout,
                      re.MULTILINE)
    return "caught", found.group(1)[:110] if found else "it crashed"


def timed(mutant, runs):
    started = time.monotonic()
    word, how = try_mutant(mutant, runs)
    print(f"{mutant[0]:48} {word:8} {time.monotonic() - started:4.0f} s  {how}", flush=True)
    return word == "caught", how


def write_seeds(chosen, results):
    lines = ["# Runs that find a deliberate bug, when it is there; written by ./dev mutants --write\n"]
    for mutant, (_, how) in zip(chosen, results):
        found = re.match(r"seed (\d+)", how)
        if found:
            lines.append(f"{found.group(1)} {mutant[0]}\n")
    (ROOT / "tests/simulation/seeds").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(prog="dev mutants")
    parser.add_argument("--runs", type=int, default=20000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help="name the runs that find them")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    chosen = [m for m in MUTANTS if not arguments.names or m[0] in arguments.names]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda mutant: timed(mutant, arguments.runs), chosen))
    caught = sum(result[0] for result in results)
    print(f"{caught} of {len(chosen)} caught")
    if arguments.write and not arguments.names:
        write_seeds(chosen, results)
    return 0 if chosen and caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
