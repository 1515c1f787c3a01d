// The Common Log Format and its "combined" form: Apache httpd documentation, mod_log_config and
// "Log Files", and the log_format "combined" of nginx's ngx_http_log_module.
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json_write.h"
#include "record/convert.h"

struct preset_converter {
    struct converter base;
    bool combined;
};

// Takes the text up to the two bytes `first` `second`, which must be there, and drops these.
static bool take_until(struct slice *rest, uint8_t first, uint8_t second, struct slice *out_text)
{
    for (size_t at = 1; at < rest->size;) {
        const uint8_t *found = memchr(rest->data + at, second, rest->size - at);
        if (found == NULL) {
            return false;
        }
        at = (size_t)(found - rest->data) + 1;
        if (found[-1] == first && at > 2) {
            *out_text = slice_of(rest->data, at - 2);
            *rest = slice_skip(*rest, at);
            return true;
        }
    }
    return false;
}

static bool take_word(struct slice *rest, struct slice *out_text)
{
    const uint8_t *space = rest->size == 0 ? NULL : memchr(rest->data, ' ', rest->size);
    if (space == NULL || space == rest->data) {
        return false;
    }
    size_t size = (size_t)(space - rest->data);
    *out_text = slice_of(rest->data, size);
    *rest = slice_skip(*rest, size + 1);
    return true;
}

// httpd puts a backslash before a quote inside a field, and before a backslash.
static bool take_quoted(struct slice *rest, struct slice *out_text)
{
    if (rest->size == 0 || rest->data[0] != '"') {
        return false;
    }
    const uint8_t *start = rest->data + 1;
    const uint8_t *end = rest->data + rest->size;
    for (const uint8_t *at = start; at < end; at++) {
        at = memchr(at, '"', (size_t)(end - at));
        if (at == NULL) {
            return false;
        }
        size_t backslashes = 0;
        while (at - backslashes > start && at[-1 - (ptrdiff_t)backslashes] == '\\') {
            backslashes++;
        }
        if (backslashes % 2 == 0) {
            *out_text = slice_of(start, (size_t)(at - start));
            *rest = slice_skip(*rest, (size_t)(at - rest->data) + 1);
            return true;
        }
    }
    return false;
}

static bool take_space(struct slice *rest)
{
    if (rest->size == 0 || rest->data[0] != ' ') {
        return false;
    }
    *rest = slice_skip(*rest, 1);
    return true;
}

// Digits, or a lone "-".
static bool take_number(struct slice *rest, struct slice *out_text)
{
    size_t size = 0;
    while (size < rest->size && rest->data[size] >= '0' && rest->data[size] <= '9') {
        size++;
    }
    if (size == 0 && rest->size != 0 && rest->data[0] == '-') {
        size = 1;
    }
    *out_text = slice_of(rest->data, size);
    *rest = slice_skip(*rest, size);
    return size != 0;
}

static void write_string(struct conversion *conversion, struct slice name, struct slice text)
{
    buf_append_slice(conversion->out, name);
    if (text.size == 1 && text.data[0] == '-') {
        buf_append_text(conversion->out, "null");
        return;
    }
    conversion->replaced += json_write_string(conversion->out, text);
}

// nginx writes a status that it does not have as 000, which is no JSON number.
static void write_number(struct conversion *conversion, struct slice name, struct slice text)
{
    buf_append_slice(conversion->out, name);
    while (text.size > 1 && text.data[0] == '0') {
        text = slice_skip(text, 1);
    }
    if (text.data[0] == '-') {
        text = slice_of_text("null");
    }
    buf_append_slice(conversion->out, text);
}

// The user may hold blanks, so it ends where the date begins.
static bool convert_origin(struct slice *rest, struct conversion *conversion)
{
    struct slice host;
    struct slice ident;
    struct slice user;
    struct slice datetime;
    if (!take_word(rest, &host) || !take_word(rest, &ident) || !take_until(rest, ' ', '[', &user) ||
        !take_until(rest, ']', ' ', &datetime)) {
        return false;
    }
    write_string(conversion, slice_of_text("{\"host\":"), host);
    write_string(conversion, slice_of_text(",\"ident\":"), ident);
    write_string(conversion, slice_of_text(",\"authuser\":"), user);
    write_string(conversion, slice_of_text(",\"datetime\":"), datetime);
    return true;
}

static bool convert_answer(struct slice *rest, struct conversion *conversion)
{
    struct slice request;
    struct slice response;
    struct slice bytes;
    if (!take_quoted(rest, &request) || !take_space(rest) || !take_number(rest, &response) ||
        !take_space(rest) || !take_number(rest, &bytes)) {
        return false;
    }
    write_string(conversion, slice_of_text(",\"request\":"), request);
    write_number(conversion, slice_of_text(",\"response\":"), response);
    write_number(conversion, slice_of_text(",\"bytes\":"), bytes);
    return true;
}

static bool convert_client(struct slice *rest, struct conversion *conversion)
{
    struct slice referer;
    struct slice agent;
    if (!take_space(rest) || !take_quoted(rest, &referer) || !take_space(rest) ||
        !take_quoted(rest, &agent)) {
        return false;
    }
    write_string(conversion, slice_of_text(",\"referer\":"), referer);
    write_string(conversion, slice_of_text(",\"agent\":"), agent);
    return true;
}

static bool convert(struct converter *base, struct conversion *conversion)
{
    const struct preset_converter *converter = (const struct preset_converter *)base;
    struct slice rest = conversion->text;
    if (!convert_origin(&rest, conversion) || !convert_answer(&rest, conversion) ||
        (converter->combined && !convert_client(&rest, conversion))) {
        return false;
    }
    buf_append_byte(conversion->out, '}');
    return rest.size == 0 || rest.data[0] == ' ';
}

static void free_converter(struct converter *base)
{
    free(base);
}

int converter_create_preset(const char *preset, struct converter **out_converter)
{
    bool combined = strcmp(preset, "combined") == 0;
    if (!combined && strcmp(preset, "common") != 0) {
        return E_CONFIG;
    }
    struct preset_converter *converter = xcalloc(1, sizeof *converter);
    converter->base = (struct converter){.convert = convert, .free = free_converter};
    converter->combined = combined;
    *out_converter = &converter->base;
    return 0;
}
