#include "record/format.h"

#include <stdio.h>

#include "base/error.h"
#include "config/encoding_name.h"
#include "record/record.h"

enum { DECODED_GROWTH = 3, DECODED_BYTES_MIN = 1024 };

static const char byte_order_mark[] = "\xef\xbb\xbf"; // U+FEFF

const struct line_format line_format_plain = {
    .plain = true, .ending = {.bytes = "\r\n", .size = 2, .optional = 1, .width = 1}};

static struct ending ending_in_utf8(const char *name)
{
    if (name == NULL || strcmp(name, "lf") == 0) {
        return line_format_plain.ending;
    }
    struct slice text = slice_of_text(name);
    if (strcmp(name, "crlf") == 0) {
        text = slice_of_text("\r\n");
    } else if (strcmp(name, "nul") == 0) {
        text = slice_of("", 1);
    }
    struct ending ending = {.width = 1, .size = text.size};
    memcpy(ending.bytes, text.data, text.size);
    return ending;
}

// Writes the text in the encoding to a room that is large enough for all that may be asked. Returns
// its size, 0 when the encoding has no such characters.
static size_t encode(const struct encoding *encoding, struct slice text, size_t room_size,
                     uint8_t *room)
{
    struct buf bytes;
    buf_init(&bytes, room_size);
    size_t size = 0;
    if (encoding_encode(encoding, text, &bytes) && !bytes.overflow) {
        size = bytes.size;
        memcpy(room, bytes.data, size);
    }
    buf_deinit(&bytes);
    return size;
}

static int make_format(const struct lines_config *config, const struct encoding *encoding,
                       struct line_format *format)
{
    struct ending text = ending_in_utf8(config->line_ending);
    bool plain = text.optional != 0; // lf
    *format = (struct line_format){.plain = plain, .ending = text};
    if (encoding == NULL) {
        return 0;
    }
    struct slice mark = slice_of_text(byte_order_mark);
    format->mark_bytes = encode(encoding, mark, sizeof format->mark, format->mark);
    struct ending *ending = &format->ending;
    ending->width = encoding_unit_bytes(encoding);
    ending->optional = text.optional * ending->width; // a carriage return
    ending->size =
        encode(encoding, slice_of(text.bytes, text.size), sizeof ending->bytes, ending->bytes);
    format->decoded_ending = text;
    format->encoding = encoding;
    format->plain = false;
    return ending->size == 0 ? E_SYNTAX : 0;
}

static int add_format(struct line_formats *formats, const struct lines_config *config,
                      const char *encoding_name, char *why, size_t why_size)
{
    size_t index = formats->has_second ? 1 : 0;
    struct line_format *format = index == 0 ? &formats->first : &formats->second;
    int error = encoding_open(encoding_name, &formats->encodings[index], why, why_size);
    if (error != 0) {
        return error;
    }
    error = make_format(config, formats->encodings[index], format);
    if (error != 0) {
        snprintf(why, why_size, "cannot be written in the encoding %s", encoding_name);
    }
    if (config->invalid_bytes == INVALID_BYTES_KEEP && encoding_name_is_utf8(encoding_name)) {
        format->encoding = NULL; // only the mark is left out
        format->plain = format->ending.optional != 0;
    }
    format->decoded = &formats->decoded;
    return error;
}

int line_formats_init(struct line_formats *formats, const struct lines_config *config, char *why,
                      size_t why_size)
{
    *formats = (struct line_formats){0};
    buf_init(&formats->decoded, DECODED_BYTES_MIN + DECODED_GROWTH * (size_t)config->max_line);
    const char *name = config->encoding;
    if (name == NULL) {
        bool replaces = config->invalid_bytes == INVALID_BYTES_REPLACE;
        int error = replaces ? add_format(formats, config, "utf-8", why, why_size)
                             : make_format(config, NULL, &formats->first);
        formats->first.mark_bytes = 0;
        return error;
    }
    const struct encoding_orders *orders = encoding_name_orders(name);
    if (orders == NULL) {
        return add_format(formats, config, name, why, why_size);
    }
    int error = add_format(formats, config, orders->little, why, why_size);
    if (error != 0) {
        return error;
    }
    formats->has_second = true;
    formats->second_byte = orders->big_first;
    return add_format(formats, config, orders->big, why, why_size);
}

void line_formats_deinit(struct line_formats *formats)
{
    encoding_free(formats->encodings[0]);
    encoding_free(formats->encodings[1]);
    buf_deinit(&formats->decoded);
}

const struct line_format *line_formats_of_file(const struct line_formats *formats,
                                               uint8_t first_byte)
{
    return formats->has_second && first_byte == formats->second_byte ? &formats->second
                                                                     : &formats->first;
}

bool record_check_encoding(const char *name, char *why, size_t why_size)
{
    struct lines_config config = {.encoding = (char *)(uintptr_t)name};
    struct line_formats formats;
    int error = line_formats_init(&formats, &config, why, why_size);
    line_formats_deinit(&formats);
    return error == 0;
}

bool record_check_line_ending(const struct lines_config *lines, char *why, size_t why_size)
{
    struct line_formats formats;
    int error = line_formats_init(&formats, lines, why, why_size);
    line_formats_deinit(&formats);
    return error == 0;
}
