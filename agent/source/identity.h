// The one place that decides what a file is, as pure functions over what was observed.
//
// A generation is one life of one file. The path never decides (but for one case after a reboot);
// the inode says which file it is, and content says whether its life goes on:
//
//   found                                      | verdict
//   -------------------------------------------+----------------------------------------------
//   same inode, birth, head and tail           | the same generation, also under another name
//   same inode, other time of birth            | the inode was reused: another file
//   same inode, shorter than was read          | truncated: it ended; a new one starts at 0
//   same inode, other head                     | truncated and written anew: likewise
//   same inode, other bytes before the position| truncated and grown past it: likewise
//   other inode, known head and tail           | a copy, when the original is truncated or gone;
//                                              |   held while the original is intact and the
//                                              |   file is young; else a file of its own
//   other inode, known head, shorter than what | a copy of what was read, when it was seen to be
//   was read of an original that is gone       |   a beginning of the intact original, or has the
//                                              |   bytes before one of the last marks (file.h)
//   other inode, longer than an intact original| a file of its own that begins alike
//   that was read to its end                   |
//   other inode, known head, other tail        | a file of its own that begins alike
//   other inode, only part of a known head yet | held while it grows
//   compressed, known head and tail            | a copy likewise; also held for as long as the
//                                              |   original is there under the name without .gz
//   other inode, its birth later than the end  | a file of its own: what is gone cannot be copied;
//   of the original, or the original's inode   |   within a tick of a deletion too, if it was
//                                              |   created and not renamed to where that was
//   after a reboot: same inode and birth; with-| the same generation, under a new device number
//   out a time of birth: same inode and path   |
#pragma once

#include <stdbool.h>
#include <stdint.h>

// What a comparison of bytes gave.
enum match {
    MATCH_UNKNOWN, // there is nothing to compare, or not yet
    MATCH_EQUAL,
    MATCH_DIFFERENT,
};

// ---- is it the inode that we know ----

struct inode_facts {
    bool same_boot;
    bool same_device;
    bool same_inode;
    bool same_path;
    uint64_t known_birth_ns; // 0: the filesystem has none
    uint64_t birth_ns;
};

bool identity_same_inode(const struct inode_facts *facts);

// ---- does its life go on ----

struct life_facts {
    uint64_t size;     // of the file now
    uint64_t position; // up to which it was read
    enum match head;   // of as many bytes as are known
    enum match tail;   // the bytes before the position
};

// False: the generation has ended, and another one has begun at offset 0.
bool identity_goes_on(const struct life_facts *facts);

// ---- is it a copy ----

struct copy_facts {
    enum match head;         // MATCH_UNKNOWN: equal as far as it goes, which is not far enough
    enum match tail;         // at the original's position; MATCH_UNKNOWN: it does not reach so far
    bool was_prefix;         // it was seen to be equal to the intact original as far as it goes
    bool original_gone;      // truncated or deleted
    bool born_after_the_end; // of the original, or in the original's inode
    bool beside;             // it is the compressed copy of an original that is there
    bool all_read;           // and what is in it was read there
    bool quiet;              // it has not grown for a while
};

enum copy_verdict {
    COPY_NOT,       // a file of its own
    COPY_PERHAPS,   // ask again when something has changed
    COPY_BESIDE,    // likewise; it is not read as long as the original is there
    COPY_CONTINUES, // it is the original now, from the original's position on
    COPY_READ,      // it is a copy of bytes that were all read from the original
};

enum copy_verdict identity_copy(const struct copy_facts *facts);
