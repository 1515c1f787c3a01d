// Opaque tokens: shard iterators and the NextToken of listings. A token holds its whole state, so
// nothing has to be remembered, and a checksum with a key, so that no other text passes for one.
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "sandbox/stream.h"

#define TOKEN_LIFE_NS (300 * NS_PER_S)

enum token_kind { TOKEN_ITERATOR = 1, TOKEN_SHARDS = 2, TOKEN_STREAMS = 3 };

struct token {
    enum token_kind kind;
    uint64_t issued_ns; // real
    char stream[STREAM_NAME_MAX + 1];
    uint64_t stream_created_ns;
    uint32_t shard;     // of an iterator; the last one that was listed
    uint64_t position;  // of an iterator: the next counter
    uint32_t filter;    // of a listing of shards
    uint64_t filter_ns; // of a listing of shards
};

// Appends the text of the token (base64, less than 512 characters).
void token_seal(const struct token *token, struct buf *out);
// E_SYNTAX when the text is no token of this kind.
NODISCARD int token_open(struct slice text, enum token_kind kind, struct token *out_token);
