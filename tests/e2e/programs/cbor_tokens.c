// CBOR documents from and to tokens in plain text, for a test that compares with another library.
//
//     cbor_tokens read    netstrings of CBOR to netstrings of tokens, or "error"
//     cbor_tokens write   netstrings of tokens to netstrings of CBOR
//
// One token a line: "u 7" and "n 7" (7 and -1 - 7), "i -8" (written from a signed integer), "b" and
// "t" (byte and text string, in hexadecimal), "[ 2", "{ 2", "[ *", "{ *" (a head with its count, or
// indefinite), "]" (a break), "g 1" (tag), "d" (a double, as the bits of it), "T", "F", "N".
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/cbor.h"
#include "base/assert.h"
#include "support/netstring.h"

static void append_hex(struct slice bytes, struct buf *out)
{
    for (size_t i = 0; i < bytes.size; i++) {
        buf_appendf(out, "%02x", bytes.data[i]);
    }
}

static void append_head(const char *sign, const struct cbor_item *item, struct buf *out)
{
    if (item->indefinite) {
        buf_appendf(out, "%s *", sign);
    } else {
        buf_appendf(out, "%s %" PRIu64, sign, item->argument);
    }
}

static void append_token(const struct cbor_item *item, struct buf *out)
{
    uint64_t bits;
    switch (item->kind) {
    case CBOR_UINT:
        append_head("u", item, out);
        break;
    case CBOR_NEGATIVE:
        append_head("n", item, out);
        break;
    case CBOR_ARRAY:
        append_head("[", item, out);
        break;
    case CBOR_MAP:
        append_head("{", item, out);
        break;
    case CBOR_TAG:
        append_head("g", item, out);
        break;
    case CBOR_BOOL:
        buf_append_byte(out, item->boolean ? 'T' : 'F');
        break;
    case CBOR_NULL:
        buf_append_byte(out, 'N');
        break;
    case CBOR_FLOAT:
        memcpy(&bits, &item->number, sizeof bits);
        buf_appendf(out, "d %" PRIx64, bits);
        break;
    case CBOR_BREAK:
        buf_append_byte(out, ']');
        break;
    case CBOR_BYTES:
    case CBOR_TEXT:
        ASSERT(false);
    }
}

// Reads the next item; a string in one piece, however it is sent.
static bool read_item(struct cbor_reader *reader, struct buf *scratch, struct buf *out)
{
    struct cbor_reader ahead = *reader;
    struct cbor_item item;
    if (!cbor_next(&ahead, &item)) {
        *reader = ahead;
        return false;
    }
    if (item.kind == CBOR_BYTES || item.kind == CBOR_TEXT) {
        struct slice string = cbor_read_string(reader, item.kind, scratch);
        buf_append_text(out, item.kind == CBOR_BYTES ? "b " : "t ");
        append_hex(string, out);
    } else {
        *reader = ahead;
        append_token(&item, out);
    }
    buf_append_byte(out, '\n');
    return true;
}

// Skipping and reading must agree on where the document ends.
static void read_document(struct slice document, struct buf *out)
{
    struct cbor_reader reader = cbor_reader_of(document);
    cbor_skip(&reader);
    if (reader.error != 0 || reader.rest.size > 0) {
        buf_append_text(out, "error");
        return;
    }
    struct buf scratch;
    buf_init(&scratch, SIZE_MAX);
    reader = cbor_reader_of(document);
    while (read_item(&reader, &scratch, out)) {
    }
    ASSERT(reader.error == 0 && reader.rest.size == 0);
    buf_deinit(&scratch);
}

static void write_string(const char *hex, bool is_text, struct buf *out)
{
    struct buf bytes;
    buf_init(&bytes, SIZE_MAX);
    unsigned byte;
    while (sscanf(hex, "%2x", &byte) == 1) { // NOLINT(cert-err34-c): two digits cannot overflow
        buf_append_byte(&bytes, (uint8_t)byte);
        hex += 2;
    }
    if (is_text) {
        cbor_write_text(out, buf_slice(&bytes));
    } else {
        cbor_write_bytes(out, buf_slice(&bytes));
    }
    buf_deinit(&bytes);
}

static void write_double(uint64_t bits, struct buf *out)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    cbor_write_double(out, number);
}

static void write_collection(const char *token, struct buf *out)
{
    bool is_map = token[0] == '{';
    uint64_t count = strtoull(token + 1, NULL, 10);
    if (token[2] != '*') {
        (is_map ? cbor_write_map : cbor_write_array)(out, count);
    } else {
        (is_map ? cbor_write_indefinite_map : cbor_write_indefinite_array)(out);
    }
}

static void write_token(const char *token, struct buf *out)
{
    const char *rest = token + 1;
    switch (token[0]) {
    case 'u':
        cbor_write_u64(out, strtoull(rest, NULL, 10));
        break;
    case 'i':
        cbor_write_i64(out, strtoll(rest, NULL, 10));
        break;
    case 'g':
        cbor_write_tag(out, strtoull(rest, NULL, 10));
        break;
    case 'd':
        write_double(strtoull(rest, NULL, 16), out);
        break;
    case 'b':
    case 't':
        write_string(token + 2, token[0] == 't', out);
        break;
    case '[':
    case '{':
        write_collection(token, out);
        break;
    case ']':
        cbor_write_break(out);
        break;
    case 'T':
    case 'F':
        cbor_write_bool(out, token[0] == 'T');
        break;
    default:
        ASSERT(token[0] == 'N');
        cbor_write_null(out);
    }
}

static void write_document(struct slice tokens, struct buf *out)
{
    struct buf token;
    buf_init(&token, SIZE_MAX);
    for (size_t i = 0; i < tokens.size; i++) {
        if (tokens.data[i] == '\n') {
            write_token(buf_text(&token), out);
            buf_clear(&token);
        } else {
            buf_append_byte(&token, tokens.data[i]);
        }
    }
    buf_deinit(&token);
}

int main(int argc, char **argv)
{
    ASSERT(argc == 2);
    bool reads = strcmp(argv[1], "read") == 0;
    struct buf in;
    struct buf out;
    struct buf result;
    buf_init(&in, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    buf_init(&result, SIZE_MAX);
    netstring_read_all(stdin, &in);
    struct slice rest = buf_slice(&in);
    while (rest.size > 0) {
        buf_clear(&result);
        (reads ? read_document : write_document)(netstring_take(&rest), &result);
        netstring_append(&out, buf_slice(&result));
    }
    fwrite(out.data, 1, out.size, stdout);
    buf_deinit(&in);
    buf_deinit(&out);
    buf_deinit(&result);
    return ferror(stdout) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
