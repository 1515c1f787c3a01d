// Compares a file that nobody has read with a generation that is known: is it a copy of it? The
// facts are gathered here; identity.h draws the conclusion. Internal to agent/source.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/identity.h"
#include "source/state.h"

// What is known of the file that is judged.
struct subject {
    struct source_file *file;
    uint64_t size;
    uint8_t head[HEAD_BYTES_MAX];
    size_t head_size;
    struct fingerprint head_part; // of as many of its first bytes as were asked for last
    struct fingerprint tail_part; // likewise, of those before `tail_end`
    uint64_t tail_end;
    bool asks;         // only which tails the survey has to find
    bool unanswered;   // a tail is needed that the survey did not find
    bool unreadable;   // just now: what it is has to be asked again
    size_t like_count; // originals that begin alike
};

// Their heads, as far as both go; MATCH_UNKNOWN when they are alike, but not far enough.
enum match compare_heads(struct subject *subject, const struct source_file *original);
// Whether the file may be a copy of the original, by what is known of the original: neither is
// read.
bool compare_known(struct source *source, struct subject *subject,
                   const struct source_file *original);
// What it is to the original, by what is in both now. COPY_NOT as long as the subject only asks.
enum copy_verdict compare_with(struct source *source, struct subject *subject,
                               struct source_file *original);
