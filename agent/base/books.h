// The books of a flow: what became of every record that was framed, across restarts.
//
// The unit is a record after framing and before conversion; bytes are bytes of the source. At every
// quiet point
//     read = acknowledged + filtered + dead_lettered + dropped + damaged + queued
// holds for both. Bytes that never became records have counters of their own.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tally {
    uint64_t records;
    uint64_t bytes;
};

struct books {
    struct tally read;
    struct tally filtered; // by a rule of the configuration, mismatch and over-long policy included
    struct tally acknowledged;  // by the service
    struct tally dead_lettered; // set aside with a reason
    struct tally dropped;       // by `when_full: drop_oldest`
    struct tally damaged;       // lost in a damaged segment
    struct tally queued;
    uint64_t skipped_bytes;       // passed over by start_at
    uint64_t lost_bytes;          // gone before they could be read, counted exactly
    uint64_t lost_bytes_at_least; // the same where the end had not been seen
    uint64_t maybe_repeated;      // records offered again although an answer may have been lost
};

// True when read is the sum of the other tallies, in records and in bytes.
bool books_balance(const struct books *books);
