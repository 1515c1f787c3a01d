#include "record/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"
#include "config/encoding_name.h"

enum {
    NAME_MAX_BYTES = 64,
    SAMPLE_BYTES_MAX = 64,
    STEP_BYTES = 4096, // of input at a time
    UTF8_BYTES_MAX = 4,
};

static const struct slice replacement = {.data = (const uint8_t *)"\xef\xbf\xbd", .size = 3};

struct encoding {
    iconv_t decoder; // not open for UTF-8
    iconv_t encoder;
    bool is_utf8;
    size_t unit_bytes;
};

static iconv_t not_open(void)
{
    return (iconv_t)-1; // NOLINT(performance-no-int-to-ptr): as iconv_open(3) says
}

static size_t convert(iconv_t converter, struct slice *in, char **out, size_t *out_size)
{
    char *data = (char *)(uintptr_t)in->data; // iconv does not write to it
    size_t left = in->size;
    size_t result = iconv(converter, &data, &left, out, out_size);
    *in = slice_skip(*in, in->size - left);
    return result;
}

static void reset(iconv_t converter)
{
    iconv(converter, NULL, NULL, NULL, NULL);
}

bool encoding_encode(const struct encoding *encoding, struct slice text, struct buf *out)
{
    if (encoding->is_utf8) {
        buf_append_slice(out, text);
        return true;
    }
    char room[SAMPLE_BYTES_MAX * 4];
    char *end = room;
    size_t left = sizeof room;
    reset(encoding->encoder);
    // A positive result counts characters that were replaced by similar ones.
    if (convert(encoding->encoder, &text, &end, &left) != 0) {
        return false;
    }
    buf_append(out, room, (size_t)(end - room));
    return true;
}

// Whether a character is written differently where it stands twice, or leaves the encoding in a
// state that has to be ended.
static bool keeps_state(const struct encoding *encoding, const char *character)
{
    char once[SAMPLE_BYTES_MAX];
    char twice[SAMPLE_BYTES_MAX];
    struct buf text;
    buf_init(&text, SAMPLE_BYTES_MAX);
    bool known = encoding_encode(encoding, slice_of_text(character), &text);
    bool differs = false;
    if (known) {
        size_t size = text.size;
        snprintf(twice, sizeof twice, "%s%s", character, character);
        differs = !encoding_encode(encoding, slice_of_text(twice), &text) || text.size != 3 * size;
        char *end = once;
        size_t left = sizeof once;
        iconv(encoding->encoder, NULL, NULL, &end, &left);
        differs |= end != once;
    }
    buf_deinit(&text);
    return differs;
}

static bool has_state(const struct encoding *encoding)
{
    static const char *const characters[] = {"\n",           "\xc3\xa9",     "\xd0\x96",
                                             "\xe3\x81\x82", "\xe4\xb8\xad", "\xed\x95\x9c"};
    for (size_t i = 0; i < ARRAY_COUNT(characters); i++) {
        if (keeps_state(encoding, characters[i])) {
            return true;
        }
    }
    return false;
}

// Bytes of a newline, 0 when it cannot be told.
static size_t newline_bytes(const struct encoding *encoding)
{
    struct buf text;
    struct buf back;
    buf_init(&text, SAMPLE_BYTES_MAX);
    buf_init(&back, SAMPLE_BYTES_MAX);
    bool known = encoding_encode(encoding, slice_of_text("\n"), &text);
    size_t size = text.size;
    known = known && encoding_encode(encoding, slice_of_text("\r"), &text) &&
            text.size == 2 * size && encoding_decode(encoding, buf_slice(&text), &back) == 0 &&
            slice_equal_text(buf_slice(&back), "\n\r");
    buf_deinit(&text);
    buf_deinit(&back);
    return known && (size == 1 || size == 2 || size == 4) ? size : 0;
}

static void say_unknown(const char *name, char *why, size_t why_size)
{
    if (encoding_name_is_common(name)) {
        snprintf(why, why_size,
                 "iconv(3) of this system cannot decode %s; with glibc its module is missing: "
                 "install the package that has gconv/gconv-modules (libc6 in Debian, "
                 "glibc-gconv-extra in Fedora)",
                 name);
        return;
    }
    const char *meant = encoding_name_meant_by(name);
    if (meant != NULL) {
        snprintf(why, why_size, "is no encoding that iconv(3) knows; did you mean \"%s\"?", meant);
    } else {
        snprintf(why, why_size, "is no encoding that iconv(3) knows; \"iconv -l\" lists them");
    }
}

static int open_converters(struct encoding *encoding, const char *name, char *why, size_t why_size)
{
    encoding->decoder = iconv_open("UTF-8", name);
    encoding->encoder = iconv_open(name, "UTF-8");
    if (encoding->decoder == not_open() || encoding->encoder == not_open()) {
        say_unknown(name, why, why_size);
        return E_SYNTAX;
    }
    if (has_state(encoding)) {
        snprintf(why, why_size,
                 "keeps a state from one character to the next, so that lines cannot be cut out of "
                 "such a file; convert it, or name an encoding without a state");
        return E_SYNTAX;
    }
    size_t newline = newline_bytes(encoding);
    if (newline == 0) {
        snprintf(why, why_size, "has no newline of 1, 2 or 4 bytes, so that it has no lines");
        return E_SYNTAX;
    }
    encoding->unit_bytes = newline;
    return 0;
}

int encoding_open(const char *name, struct encoding **out_encoding, char *why, size_t why_size)
{
    // iconv takes "" for the locale's encoding, and options behind a slash.
    if (name[0] == '\0' || strchr(name, '/') != NULL || strlen(name) > NAME_MAX_BYTES) {
        snprintf(why, why_size, "must be the name of an encoding, such as utf-16le or latin1");
        return E_SYNTAX;
    }
    struct encoding *encoding = xcalloc(1, sizeof *encoding);
    *encoding = (struct encoding){.decoder = not_open(),
                                  .encoder = not_open(),
                                  .is_utf8 = encoding_name_is_utf8(name),
                                  .unit_bytes = 1};
    int error = encoding->is_utf8 ? 0 : open_converters(encoding, name, why, why_size);
    if (error != 0) {
        encoding_free(encoding);
        return error;
    }
    *out_encoding = encoding;
    return 0;
}

static void close_converter(iconv_t converter)
{
    if (converter != not_open()) {
        iconv_close(converter);
    }
}

void encoding_free(struct encoding *encoding)
{
    if (encoding != NULL) {
        close_converter(encoding->decoder);
        close_converter(encoding->encoder);
        free(encoding);
    }
}

size_t encoding_unit_bytes(const struct encoding *encoding)
{
    return encoding->unit_bytes;
}

size_t encoding_source_bytes(const struct encoding *encoding, size_t text_bytes)
{
    // A unit of UTF-16 has at most three bytes in UTF-8, one of UTF-32 four, and so many have those
    // characters that other encodings write with one byte.
    if (encoding->is_utf8 || encoding->unit_bytes == 4) {
        return text_bytes;
    }
    return encoding->unit_bytes == 2 ? text_bytes / 3 * 2 : text_bytes / 3;
}

// ---- decoding ----

// What is left of a text: in the decoder between two steps.
struct decoding {
    const struct encoding *encoding;
    struct slice rest;
    struct buf *out; // NULL: only the length counts
    size_t replacements;
    bool incomplete; // at the end of the text
};

static void keep(struct decoding *decoding, const char *data, size_t size)
{
    if (decoding->out != NULL) {
        buf_append(decoding->out, data, size);
    }
}

// What some decoders hold back until they know that nothing combines with it.
static void take_held(struct decoding *decoding)
{
    char room[STEP_BYTES];
    char *end = room;
    size_t left = sizeof room;
    iconv(decoding->encoding->decoder, NULL, NULL, &end, &left);
    keep(decoding, room, (size_t)(end - room));
}

static void replace(struct decoding *decoding, size_t size)
{
    take_held(decoding);
    keep(decoding, (const char *)replacement.data, replacement.size);
    decoding->replacements++;
    size = size < decoding->rest.size ? size : decoding->rest.size;
    decoding->rest = slice_skip(decoding->rest, size);
}

// Decodes until the end, or until the rest is an incomplete character.
static void decode(struct decoding *decoding)
{
    reset(decoding->encoding->decoder);
    while (decoding->rest.size != 0) {
        char room[STEP_BYTES];
        char *end = room;
        size_t left = sizeof room;
        size_t result = convert(decoding->encoding->decoder, &decoding->rest, &end, &left);
        int error = result == (size_t)-1 ? errno : 0;
        keep(decoding, room, (size_t)(end - room));
        if (error == EINVAL) {
            decoding->incomplete = true;
            break;
        }
        if (error == EILSEQ) {
            replace(decoding, decoding->encoding->unit_bytes);
        }
    }
    take_held(decoding);
}

size_t encoding_decode(const struct encoding *encoding, struct slice text, struct buf *out)
{
    if (encoding->is_utf8) {
        return utf8_append_valid(out, text);
    }
    struct decoding decoding = {.encoding = encoding, .rest = text, .out = out};
    decode(&decoding);
    if (decoding.incomplete) {
        replace(&decoding, decoding.rest.size);
    }
    return decoding.replacements;
}

static size_t utf8_whole_bytes(struct slice text)
{
    size_t back = 1;
    while (back < UTF8_BYTES_MAX && back < text.size &&
           (text.data[text.size - back] & 0xc0) == 0x80) {
        back++;
    }
    if (text.size == 0) {
        return 0;
    }
    uint8_t lead = text.data[text.size - back];
    size_t length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 1;
    return length > back ? text.size - back : text.size;
}

size_t encoding_whole_bytes(const struct encoding *encoding, struct slice text)
{
    if (encoding == NULL || encoding->is_utf8) {
        return utf8_whole_bytes(text);
    }
    struct decoding decoding = {.encoding = encoding, .rest = text};
    decode(&decoding);
    return text.size - (decoding.incomplete ? decoding.rest.size : 0);
}
