// How the bytes of a file become lines of UTF-8: the encoding, what ends a line, what is left out
// at the start. Compiled once for a flow, shared by its files.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "config/config.h"
#include "record/encoding.h"
#include "record/ending.h"

enum { MARK_BYTES_MAX = 4 };

struct line_format {
    bool plain; // neither encoding nor mark, and a line ends with a newline
    struct ending ending;
    const struct encoding *encoding; // NULL: bytes are handed out as they are
    struct ending decoded_ending;    // the ending in UTF-8; with an encoding
    struct buf *decoded;             // the present line; with an encoding
    uint8_t mark[MARK_BYTES_MAX];    // byte order mark, which is no part of the first line
    size_t mark_bytes;
};

// The formats of a flow: two when the byte order mark of a file says which it is.
struct line_formats {
    struct line_format first;
    struct line_format second;
    bool has_second;
    uint8_t second_byte; // with which a file in the second format begins
    struct encoding *encodings[2];
    struct buf decoded;
};

// Bytes as they are, lines that end in "\n" or "\r\n".
extern const struct line_format line_format_plain;

// E_SYNTAX with a sentence in `why` (may be NULL with size 0) when the encoding is not known or
// does not have the line ending. line_formats_deinit releases what there is in either case.
NODISCARD int line_formats_init(struct line_formats *formats, const struct lines_config *config,
                                char *why, size_t why_size);
void line_formats_deinit(struct line_formats *formats);
// The format of a file that begins with this byte.
const struct line_format *line_formats_of_file(const struct line_formats *formats,
                                               uint8_t first_byte);
