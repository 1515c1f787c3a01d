#include "base/json_scan.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/json_plain.h"
#include "base/utf8.h"

struct scan {
    struct slice text;
    size_t at;
    struct buf *out;    // where the text goes without white space, or NULL
    size_t copied;      // what lies before this is in `out` or was left out
    unsigned depth;     // open objects and arrays
    uint64_t object[2]; // a bit for each of them: it is an object
};

_Static_assert(JSON_DEPTH_MAX == 128, "a bit of `object` for each level");

static struct scan scan_of(struct slice text, struct buf *out)
{
    return (struct scan){.text = text, .out = out};
}

static struct slice rest_of(const struct scan *scan)
{
    return slice_skip(scan->text, scan->at);
}

// The next byte, or -1 at the end.
static int peek(const struct scan *scan)
{
    return scan->at < scan->text.size ? scan->text.data[scan->at] : -1;
}

static bool take(struct scan *scan, char byte)
{
    if (peek(scan) != byte) {
        return false;
    }
    scan->at++;
    return true;
}

static void copy_up_to(struct scan *scan, size_t end)
{
    if (scan->out != NULL && end > scan->copied) {
        buf_append(scan->out, scan->text.data + scan->copied, end - scan->copied);
    }
}

static void skip_space(struct scan *scan)
{
    size_t start = scan->at;
    int byte = peek(scan);
    while (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t') {
        scan->at++;
        byte = peek(scan);
    }
    if (scan->at != start) {
        copy_up_to(scan, start);
        scan->copied = scan->at;
    }
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static int hex_digit(int byte)
{
    if (is_digit(byte)) {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool is_escape_name(int byte)
{
    switch (byte) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return true;
    default:
        return false;
    }
}

static int scan_escape(struct scan *scan)
{
    scan->at++;
    int byte = peek(scan);
    if (byte == 'u') {
        for (int i = 0; i < 4; i++) {
            scan->at++;
            if (hex_digit(peek(scan)) < 0) {
                return E_SYNTAX;
            }
        }
    } else if (!is_escape_name(byte)) {
        return E_SYNTAX;
    }
    scan->at++;
    return 0;
}

static int scan_string(struct scan *scan)
{
    if (!take(scan, '"')) {
        return E_SYNTAX;
    }
    for (;;) {
        scan->at += json_plain_prefix(rest_of(scan));
        if (take(scan, '"')) {
            return 0;
        }
        if (peek(scan) < 0x20) {
            return E_SYNTAX;
        }
        if (peek(scan) == '\\') {
            int error = scan_escape(scan);
            if (error != 0) {
                return error;
            }
            continue;
        }
        struct utf8_step step = utf8_step(rest_of(scan));
        if (!step.valid) {
            return E_SYNTAX;
        }
        scan->at += step.length;
    }
}

static int scan_digits(struct scan *scan)
{
    if (!is_digit(peek(scan))) {
        return E_SYNTAX;
    }
    while (is_digit(peek(scan))) {
        scan->at++;
    }
    return 0;
}

static int scan_number(struct scan *scan)
{
    (void)take(scan, '-');
    int error = take(scan, '0') ? 0 : scan_digits(scan);
    if (error == 0 && take(scan, '.')) {
        error = scan_digits(scan);
    }
    if (error == 0 && (take(scan, 'e') || take(scan, 'E'))) {
        (void)(take(scan, '+') || take(scan, '-'));
        error = scan_digits(scan);
    }
    return error;
}

static int scan_word(struct scan *scan, const char *word)
{
    for (; *word != '\0'; word++) {
        if (!take(scan, *word)) {
            return E_SYNTAX;
        }
    }
    return 0;
}

static int scan_scalar(struct scan *scan)
{
    switch (peek(scan)) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

static bool in_object(const struct scan *scan)
{
    unsigned level = scan->depth - 1;
    return (scan->object[level / 64] >> (level % 64) & 1) != 0;
}

static int scan_name(struct scan *scan)
{
    skip_space(scan);
    int error = scan_string(scan);
    if (error != 0) {
        return error;
    }
    skip_space(scan);
    return take(scan, ':') ? 0 : E_SYNTAX;
}

// Enters an object or array and stops at its first value. Returns 1, or 0 when it is empty and
// passed already.
static int open_container(struct scan *scan)
{
    if (scan->depth == JSON_DEPTH_MAX) {
        return E_TOO_LARGE;
    }
    bool object = peek(scan) == '{';
    uint64_t bit = (uint64_t)1 << (scan->depth % 64);
    uint64_t *word = &scan->object[scan->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    scan->depth++;
    scan->at++;
    skip_space(scan);
    if (take(scan, object ? '}' : ']')) {
        scan->depth--;
        return 0;
    }
    int error = object ? scan_name(scan) : 0;
    return error != 0 ? error : 1;
}

// Behind a value: passes what ends here. Returns 1 at the next value, or 0 when no container is
// open any more.
static int to_next_value(struct scan *scan)
{
    while (scan->depth > 0) {
        skip_space(scan);
        bool object = in_object(scan);
        if (take(scan, ',')) {
            int error = object ? scan_name(scan) : 0;
            return error != 0 ? error : 1;
        }
        if (!take(scan, object ? '}' : ']')) {
            return E_SYNTAX;
        }
        scan->depth--;
    }
    return 0;
}

// Passes one value of any kind, from its first byte (or white space in front) to behind its last.
static int scan_value(struct scan *scan)
{
    int result;
    do {
        skip_space(scan);
        int byte = peek(scan);
        if (byte == '{' || byte == '[') {
            result = open_container(scan);
        } else {
            result = scan_scalar(scan);
        }
        if (result == 0) {
            result = to_next_value(scan);
        }
    } while (result == 1);
    return result;
}

int json_compact(struct slice text, struct buf *out, size_t *out_offset)
{
    struct scan scan = scan_of(text, out);
    int error = scan_value(&scan);
    if (error == 0) {
        skip_space(&scan);
        error = peek(&scan) < 0 ? 0 : E_SYNTAX;
    }
    copy_up_to(&scan, scan.at);
    if (error != 0 && out_offset != NULL) {
        *out_offset = scan.at;
    }
    return error;
}

int json_validate(struct slice text, size_t *out_offset)
{
    return json_compact(text, NULL, out_offset);
}

enum json_kind json_kind_of(struct slice value)
{
    struct scan scan = scan_of(value, NULL);
    skip_space(&scan);
    switch (peek(&scan)) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

void json_walk_init(struct json_walk *walk, struct slice value)
{
    *walk = (struct json_walk){0};
    struct scan scan = scan_of(value, NULL);
    skip_space(&scan);
    if (peek(&scan) != '{' && peek(&scan) != '[') {
        walk->error = E_SYNTAX;
        return;
    }
    walk->kind = take(&scan, '{') ? JSON_OBJECT : JSON_ARRAY;
    scan.at += walk->kind == JSON_ARRAY;
    walk->rest = rest_of(&scan);
}

// Passes the punctuation in front of an element. Returns 1 when there is one, or 0 at the end.
static int walk_to_element(struct json_walk *walk, struct scan *scan)
{
    skip_space(scan);
    if (take(scan, walk->kind == JSON_OBJECT ? '}' : ']')) {
        skip_space(scan);
        walk->finished = true;
        return peek(scan) < 0 ? 0 : E_SYNTAX;
    }
    if (walk->started && !take(scan, ',')) {
        return E_SYNTAX;
    }
    walk->started = true;
    return 1;
}

static int walk_name(struct json_walk *walk, struct scan *scan)
{
    skip_space(scan);
    size_t start = scan->at + 1;
    int error = scan_string(scan);
    if (error != 0) {
        return error;
    }
    walk->name = slice_of(scan->text.data + start, scan->at - 1 - start);
    skip_space(scan);
    return take(scan, ':') ? 0 : E_SYNTAX;
}

static int walk_value(struct json_walk *walk, struct scan *scan)
{
    skip_space(scan);
    size_t start = scan->at;
    int error = scan_value(scan);
    if (error == 0) {
        walk->value = slice_of(scan->text.data + start, scan->at - start);
    }
    return error;
}

bool json_walk_next(struct json_walk *walk)
{
    if (walk->error != 0 || walk->finished) {
        return false;
    }
    struct scan scan = scan_of(walk->rest, NULL);
    int result = walk_to_element(walk, &scan);
    if (result == 1) {
        int error = walk->kind == JSON_OBJECT ? walk_name(walk, &scan) : 0;
        error = error == 0 ? walk_value(walk, &scan) : error;
        result = error == 0 ? 1 : error;
    }
    walk->error = result < 0 ? result : 0;
    walk->rest = rest_of(&scan);
    return result == 1;
}

static uint32_t hex_quad(const uint8_t *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        value = value << 4 | (uint32_t)hex_digit(digits[i]);
    }
    return value;
}

// Decodes the valid escape at the front of `*text` and moves behind it. Returns the number of bytes
// that it stands for.
static size_t take_escape(struct slice *text, uint8_t out_bytes[4])
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    const uint8_t *data = text->data;
    if (data[1] != 'u') {
        const char *name = strchr(names, data[1]);
        ASSERT(name != NULL);
        out_bytes[0] = (uint8_t)values[name - names];
        *text = slice_skip(*text, 2);
        return 1;
    }
    uint32_t code_point = hex_quad(data + 2);
    size_t length = 6;
    if (code_point >= 0xd800 && code_point < 0xdc00 && text->size >= 12 && data[6] == '\\' &&
        data[7] == 'u') {
        uint32_t low = hex_quad(data + 8);
        if (low >= 0xdc00 && low < 0xe000) {
            code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
            length = 12;
        }
    }
    *text = slice_skip(*text, length);
    return utf8_encode(code_point, out_bytes);
}

// Length of the longest prefix of a valid string's text that has no escape.
static size_t literal_prefix(struct slice text)
{
    const uint8_t *escape = text.size == 0 ? NULL : memchr(text.data, '\\', text.size);
    return escape == NULL ? text.size : (size_t)(escape - text.data);
}

int json_unescape(struct slice raw, struct buf *out)
{
    struct scan scan = scan_of(raw, NULL);
    int error = scan_string(&scan);
    if (error != 0 || scan.at != raw.size) {
        return E_SYNTAX;
    }
    struct slice text = slice_of(raw.data + 1, raw.size - 2);
    while (text.size != 0) {
        size_t literal = literal_prefix(text);
        buf_append(out, text.data, literal);
        text = slice_skip(text, literal);
        if (text.size != 0) {
            uint8_t bytes[4];
            buf_append(out, bytes, take_escape(&text, bytes));
        }
    }
    return 0;
}

// How many bytes of `path` the name (raw, valid) spells: all of it, or a part that a dot ends. 0
// when it spells something else.
static size_t match_name(struct slice name, struct slice path)
{
    size_t matched = 0;
    while (name.size != 0) {
        uint8_t bytes[4];
        struct slice part = slice_of(name.data, literal_prefix(name));
        if (part.size != 0) {
            name = slice_skip(name, part.size);
        } else {
            part = slice_of(bytes, take_escape(&name, bytes));
        }
        if (!slice_starts_with(slice_skip(path, matched), part)) {
            return 0;
        }
        matched += part.size;
    }
    return matched == path.size || path.data[matched] == '.' ? matched : 0;
}

static int find_step(struct slice object, struct slice *path, struct slice *out_value)
{
    struct json_walk walk;
    json_walk_init(&walk, object);
    size_t best = 0;
    while (json_walk_next(&walk)) {
        size_t matched = walk.kind == JSON_OBJECT ? match_name(walk.name, *path) : 0;
        if (matched != 0 && matched >= best) {
            best = matched;
            *out_value = walk.value;
        }
    }
    if (walk.error != 0) {
        return walk.error;
    }
    if (best == 0) {
        return E_NOT_FOUND;
    }
    *path = slice_skip(*path, best);
    return 0;
}

int json_find(struct slice object, struct slice path, struct slice *out_value)
{
    struct slice value = object;
    for (;;) {
        int error = find_step(value, &path, &value);
        if (error != 0) {
            return error;
        }
        if (path.size == 0) {
            *out_value = value;
            return 0;
        }
        path = slice_skip(path, 1);
        if (json_kind_of(value) != JSON_OBJECT) {
            return E_NOT_FOUND;
        }
    }
}
