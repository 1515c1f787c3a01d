#include "sandbox/token.h"

#include <string.h>

#include "aws/sigv4.h"
#include "base/base64.h"
#include "base/cursor.h"
#include "base/error.h"

enum { MAC_BYTES = 16, TOKEN_BYTES_MAX = 384 };

// Not a secret: it only tells our tokens from other text.
static const char mac_key[] = "kintail-sandbox token 1";

static void append_mac(struct buf *raw)
{
    uint8_t mac[SHA256_BYTES];
    hmac_sha256(slice_of_text(mac_key), buf_slice(raw), mac);
    buf_append(raw, mac, MAC_BYTES);
}

void token_seal(const struct token *token, struct buf *out)
{
    struct buf raw;
    buf_init(&raw, TOKEN_BYTES_MAX);
    put_u8(&raw, (uint8_t)token->kind);
    put_u64(&raw, token->issued_ns);
    put_u64(&raw, token->stream_created_ns);
    put_u32(&raw, token->shard);
    put_u64(&raw, token->position);
    put_u32(&raw, token->filter);
    put_u64(&raw, token->filter_ns);
    buf_append_text(&raw, token->stream);
    append_mac(&raw);
    uint8_t *place = buf_extend(out, base64_encoded_size(raw.size));
    if (place != NULL) {
        base64_encode(buf_slice(&raw), place);
    }
    buf_deinit(&raw);
}

static int read_token(struct slice raw, enum token_kind kind, struct token *out_token)
{
    struct cursor cursor = cursor_of(raw);
    uint8_t found = cursor_u8(&cursor);
    struct token token = {.kind = kind};
    token.issued_ns = cursor_u64(&cursor);
    token.stream_created_ns = cursor_u64(&cursor);
    token.shard = cursor_u32(&cursor);
    token.position = cursor_u64(&cursor);
    token.filter = cursor_u32(&cursor);
    token.filter_ns = cursor_u64(&cursor);
    if (cursor.failed || found != (uint8_t)kind || cursor.rest.size > STREAM_NAME_MAX) {
        return E_SYNTAX;
    }
    if (cursor.rest.size > 0) {
        memcpy(token.stream, cursor.rest.data, cursor.rest.size);
    }
    *out_token = token;
    return 0;
}

int token_open(struct slice text, enum token_kind kind, struct token *out_token)
{
    struct buf raw;
    buf_init(&raw, TOKEN_BYTES_MAX);
    int error = base64_decode(text, &raw);
    if (error == 0 && raw.size <= MAC_BYTES) {
        error = E_SYNTAX;
    }
    if (error == 0) {
        uint8_t given[MAC_BYTES];
        size_t size = raw.size - MAC_BYTES;
        memcpy(given, raw.data + size, MAC_BYTES);
        buf_truncate(&raw, size);
        append_mac(&raw);
        bool same = sigv4_equal(slice_of(given, MAC_BYTES), slice_of(raw.data + size, MAC_BYTES));
        error = same ? read_token(slice_of(raw.data, size), kind, out_token) : E_SYNTAX;
    }
    buf_deinit(&raw);
    return error == 0 ? 0 : E_SYNTAX;
}
