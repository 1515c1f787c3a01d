// The canonical form of a request: the part of SigV4 that two sides must agree on to the byte.
#include <ctype.h>
#include <stdlib.h>

#include "aws/sigv4.h"
#include "base/alloc.h"

static bool is_unreserved(uint8_t byte)
{
    return isalnum(byte) || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

static void append_encoded(struct slice text, bool keep_slash, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what has a size has data
        uint8_t byte = text.data[i];
        if (is_unreserved(byte) || (keep_slash && byte == '/')) {
            buf_append_byte(out, byte);
        } else {
            uint8_t escaped[3] = {'%', (uint8_t)digits[byte >> 4], (uint8_t)digits[byte & 0xf]};
            buf_append(out, escaped, sizeof escaped);
        }
    }
}

void sigv4_append_encoded(struct slice text, struct buf *out)
{
    append_encoded(text, false, out);
}

// Removes the last segment of a path under construction, "/a/b" to "/a".
static void drop_segment(struct buf *path)
{
    while (path->size > 0 && path->data[path->size - 1] != '/') {
        buf_truncate(path, path->size - 1);
    }
    if (path->size > 0) {
        buf_truncate(path, path->size - 1);
    }
}

// "." and ".." and empty segments are resolved, then every segment is encoded on top of what the
// sender encoded.
static void append_path(struct slice path, struct buf *out)
{
    struct buf plain;
    buf_init(&plain, SIZE_MAX);
    bool ends_in_slash = false;
    for (size_t at = 0; at < path.size;) {
        size_t end = at;
        while (end < path.size && path.data[end] != '/') {
            end++;
        }
        struct slice segment = slice_of(path.data + at, end - at);
        ends_in_slash = end < path.size;
        if (slice_equal_text(segment, "..")) {
            drop_segment(&plain);
        } else if (segment.size > 0 && !slice_equal_text(segment, ".")) {
            buf_append_byte(&plain, '/');
            buf_append_slice(&plain, segment);
        }
        at = end + 1;
    }
    if (ends_in_slash || plain.size == 0) {
        buf_append_byte(&plain, '/');
    }
    append_encoded(buf_slice(&plain), true, out);
    buf_deinit(&plain);
}

static int hex_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte = (uint8_t)tolower(byte);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

// A query part is decoded first, so that every spelling of it has one canonical form.
static void append_query_part(struct slice part, struct buf *out)
{
    struct buf plain;
    buf_init(&plain, SIZE_MAX);
    for (size_t i = 0; i < part.size; i++) {
        int high = i + 2 < part.size && part.data[i] == '%' ? hex_value(part.data[i + 1]) : -1;
        int low = high >= 0 ? hex_value(part.data[i + 2]) : -1;
        if (low >= 0) {
            buf_append_byte(&plain, (uint8_t)(high << 4 | low));
            i += 2;
        } else {
            buf_append_byte(&plain, part.data[i]);
        }
    }
    append_encoded(buf_slice(&plain), false, out);
    buf_deinit(&plain);
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// "name=value" with both encoded. '\x01' stands for '=' until the parts are sorted: it orders a
// shorter name before a longer one, which '=' would not.
static char *canonical_parameter(struct slice text)
{
    size_t equals = 0;
    while (equals < text.size && text.data[equals] != '=') {
        equals++;
    }
    struct buf out;
    buf_init(&out, SIZE_MAX);
    append_query_part(slice_of(text.data, equals), &out);
    buf_append_byte(&out, '\x01');
    if (equals < text.size) {
        append_query_part(slice_skip(text, equals + 1), &out);
    }
    char *parameter = xstrndup(buf_slice(&out));
    buf_deinit(&out);
    return parameter;
}

static void append_query(struct slice query, struct buf *out)
{
    char **parameters = NULL;
    size_t count = 0;
    for (size_t at = 0; at < query.size;) {
        size_t end = at;
        while (end < query.size && query.data[end] != '&') {
            end++;
        }
        if (end > at) {
            parameters = xreallocarray(parameters, count + 1, sizeof *parameters);
            parameters[count++] = canonical_parameter(slice_of(query.data + at, end - at));
        }
        at = end + 1;
    }
    if (count > 0) {
        qsort(parameters, count, sizeof *parameters, compare_text);
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_byte(out, '&');
        }
        *strchr(parameters[i], '\x01') = '=';
        buf_append_text(out, parameters[i]);
        free(parameters[i]);
    }
    free(parameters);
}

static int compare_names(const void *a, const void *b)
{
    const struct sigv4_header *const *left = a;
    const struct sigv4_header *const *right = b;
    size_t common =
        (*left)->name.size < (*right)->name.size ? (*left)->name.size : (*right)->name.size;
    for (size_t i = 0; i < common; i++) {
        int difference = tolower((*left)->name.data[i]) - tolower((*right)->name.data[i]);
        if (difference != 0) {
            return difference;
        }
    }
    if ((*left)->name.size != (*right)->name.size) {
        return (*left)->name.size < (*right)->name.size ? -1 : 1;
    }
    // Headers of one name keep the order in which they were given.
    return *left < *right ? -1 : *left > *right;
}

// The headers in the order of their names. Owned by the caller.
static const struct sigv4_header **sorted_headers(const struct sigv4_request *request)
{
    const struct sigv4_header **sorted = xcalloc(request->header_count, sizeof *sorted);
    for (size_t i = 0; i < request->header_count; i++) {
        sorted[i] = &request->headers[i];
    }
    qsort(sorted, request->header_count, sizeof *sorted, compare_names);
    return sorted;
}

static bool same_name(const struct sigv4_header *a, const struct sigv4_header *b)
{
    if (a->name.size != b->name.size) {
        return false;
    }
    for (size_t i = 0; i < a->name.size; i++) {
        if (tolower(a->name.data[i]) != tolower(b->name.data[i])) {
            return false;
        }
    }
    return true;
}

static void append_lower(struct slice name, struct buf *out)
{
    for (size_t i = 0; i < name.size; i++) {
        buf_append_byte(out, (uint8_t)tolower(name.data[i]));
    }
}

// Trims, and folds inner runs of white space to one space.
static void append_folded(struct slice value, struct buf *out)
{
    bool pending = false;
    bool started = false;
    for (size_t i = 0; i < value.size; i++) {
        if (isspace(value.data[i])) {
            pending = true;
            continue;
        }
        if (pending && started) {
            buf_append_byte(out, ' ');
        }
        buf_append_byte(out, value.data[i]);
        pending = false;
        started = true;
    }
}

static void append_headers(const struct sigv4_request *request, struct buf *out)
{
    const struct sigv4_header **sorted = sorted_headers(request);
    for (size_t i = 0; i < request->header_count; i++) {
        if (i > 0 && same_name(sorted[i - 1], sorted[i])) {
            buf_truncate(out, out->size - 1); // the newline behind the value before
            buf_append_byte(out, ',');
        } else {
            append_lower(sorted[i]->name, out);
            buf_append_byte(out, ':');
        }
        append_folded(sorted[i]->value, out);
        buf_append_byte(out, '\n');
    }
    free(sorted);
}

void sigv4_signed_headers(const struct sigv4_request *request, struct buf *out)
{
    const struct sigv4_header **sorted = sorted_headers(request);
    for (size_t i = 0; i < request->header_count; i++) {
        if (i > 0 && same_name(sorted[i - 1], sorted[i])) {
            continue;
        }
        if (i > 0) {
            buf_append_byte(out, ';');
        }
        append_lower(sorted[i]->name, out);
    }
    free(sorted);
}

void sigv4_canonical_request(const struct sigv4_request *request, struct buf *out)
{
    buf_append_slice(out, request->method);
    buf_append_byte(out, '\n');
    append_path(request->path, out);
    buf_append_byte(out, '\n');
    append_query(request->query, out);
    buf_append_byte(out, '\n');
    append_headers(request, out);
    buf_append_byte(out, '\n');
    sigv4_signed_headers(request, out);
    buf_append_byte(out, '\n');
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        buf_append_byte(out, (uint8_t)digits[request->body_sha256[i] >> 4]);
        buf_append_byte(out, (uint8_t)digits[request->body_sha256[i] & 0xf]);
    }
}
