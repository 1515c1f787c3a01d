#include "base/json_write.h"

#include "base/cursor.h"
#include "base/json_plain.h"
#include "base/utf8.h"

// A text is written by pieces of up to PIECE_BYTES, through memory that holds the longest escapes,
// and one word more because plain bytes are copied by whole words.
enum { PIECE_BYTES = 256, ESCAPE_BYTES_MAX = 6, WORD_BYTES = 8 };

struct piece {
    struct slice rest; // what was not read yet
    uint8_t *to;
    size_t replaced;
};

static void write_escape(struct piece *piece, uint8_t byte)
{
    static const uint8_t names[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                    ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    static const uint8_t digits[] = {"0123456789abcdef"};
    uint8_t escape[] = {'\\', names[byte], '0', '0', digits[byte >> 4], digits[byte & 0xf]};
    size_t length = 2;
    if (escape[1] == 0) {
        escape[1] = 'u';
        length = sizeof escape;
    }
    memcpy(piece->to, escape, sizeof escape);
    piece->to += length;
    piece->rest = slice_skip(piece->rest, 1);
}

static void write_character(struct piece *piece)
{
    struct utf8_step step = utf8_step(piece->rest);
    size_t length = step.length;
    if (step.valid) {
        memcpy(piece->to, piece->rest.data, length);
    } else {
        length = utf8_encode(UTF8_REPLACEMENT, piece->to);
        piece->replaced++;
    }
    piece->to += length;
    piece->rest = slice_skip(piece->rest, step.length);
}

// Copies the plain bytes in front, whole words while there are any.
static void write_plain(struct piece *piece, const uint8_t *end)
{
    const uint8_t *from = piece->rest.data;
    uint8_t *to = piece->to;
    size_t run = WORD_BYTES;
    while (run == WORD_BYTES && end - from >= WORD_BYTES) {
        uint64_t word = load_u64(from);
        uint64_t special = json_special_bits(word);
        store_u64(to, word);
        run = special == 0 ? WORD_BYTES : (size_t)__builtin_ctzll(special) / 8;
        from += run;
        to += run;
    }
    if (run == WORD_BYTES) {
        run = json_plain_prefix(slice_of(from, (size_t)(end - from)));
        memcpy(to, from, run);
        from += run;
        to += run;
    }
    piece->rest = slice_skip(piece->rest, (size_t)(from - piece->rest.data));
    piece->to = to;
}

// Writes at least the first `size` bytes of the rest, and the end of a character that begins there.
static void write_piece(struct piece *piece, size_t size)
{
    const uint8_t *end = piece->rest.data + size;
    while (piece->rest.data < end) {
        write_plain(piece, end);
        if (piece->rest.data == end) {
            return;
        }
        if (piece->rest.data[0] < 0x80) {
            write_escape(piece, piece->rest.data[0]);
        } else {
            write_character(piece);
        }
    }
}

size_t json_write_string(struct buf *out, struct slice text)
{
    uint8_t memory[PIECE_BYTES * ESCAPE_BYTES_MAX + WORD_BYTES];
    struct piece piece = {.rest = text};
    buf_append_byte(out, '"');
    while (piece.rest.size != 0) {
        piece.to = memory;
        write_piece(&piece, piece.rest.size < PIECE_BYTES ? piece.rest.size : PIECE_BYTES);
        buf_append(out, memory, (size_t)(piece.to - memory));
    }
    buf_append_byte(out, '"');
    return piece.replaced;
}

void json_write_name_slice(struct buf *out, struct slice name)
{
    if (out->size != 0 && out->data[out->size - 1] != '{' && out->data[out->size - 1] != '[') {
        buf_append_byte(out, ',');
    }
    json_write_string(out, name);
    buf_append_byte(out, ':');
}

void json_write_name(struct buf *out, const char *name)
{
    json_write_name_slice(out, slice_of_text(name));
}
