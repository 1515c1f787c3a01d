#include "sandbox/auth_parse.h"

#include "base/compiler.h"

static struct slice trim(struct slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == ',')) {
        text = slice_skip(text, 1);
    }
    return text;
}

// The next word of the header, which ends at a space or comma.
static struct slice next_word(struct slice *rest)
{
    *rest = trim(*rest);
    size_t size = 0;
    while (size < rest->size && rest->data[size] != ' ' && rest->data[size] != ',') {
        size++;
    }
    struct slice word = slice_of(rest->data, size);
    *rest = slice_skip(*rest, size);
    return word;
}

// Cuts "name=value" at the first '='. False when there is none.
static bool cut(struct slice word, struct slice *out_name, struct slice *out_value)
{
    const uint8_t *equals = word.size > 0 ? memchr(word.data, '=', word.size) : NULL;
    if (equals == NULL) {
        return false;
    }
    size_t size = (size_t)(equals - word.data);
    *out_name = slice_of(word.data, size);
    *out_value = slice_skip(word, size + 1);
    return true;
}

static void parse_header(struct slice header, struct signature_parts *parts)
{
    (void)next_word(&header);
    while (true) {
        struct slice word = next_word(&header);
        struct slice name;
        struct slice value;
        if (word.size == 0) {
            return;
        }
        if (!cut(word, &name, &value)) {
            continue;
        }
        if (slice_equal_text(name, "Credential")) {
            parts->credential = value;
        } else if (slice_equal_text(name, "SignedHeaders")) {
            parts->signed_headers = value;
        } else if (slice_equal_text(name, "Signature")) {
            parts->signature = value;
        }
    }
}

static struct slice next_pair(struct slice *query)
{
    const uint8_t *end = query->size > 0 ? memchr(query->data, '&', query->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - query->data) : query->size;
    struct slice pair = slice_of(query->data, size);
    *query = slice_skip(*query, end != NULL ? size + 1 : size);
    return pair;
}

static unsigned hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - (unsigned)'0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - (unsigned)'a' + 10 : 16;
}

static struct slice percent_decode(struct slice text, struct buf *scratch)
{
    size_t start = scratch->size;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '%' && i + 2 < text.size && hex_digit(text.data[i + 1]) < 16 &&
            hex_digit(text.data[i + 2]) < 16) {
            unsigned byte = hex_digit(text.data[i + 1]) << 4 | hex_digit(text.data[i + 2]);
            buf_append_byte(scratch, (uint8_t)byte);
            i += 2;
        } else {
            buf_append_byte(scratch, text.data[i]);
        }
    }
    if (scratch->overflow) {
        return slice_of(NULL, 0);
    }
    return slice_of(scratch->data + start, scratch->size - start);
}

static void parse_query(struct slice query, struct signature_parts *parts, struct buf *scratch)
{
    buf_reserve(scratch, query.size);
    while (query.size > 0) {
        struct slice pair = next_pair(&query);
        struct slice name;
        struct slice value;
        if (!cut(pair, &name, &value)) {
            continue;
        }
        value = percent_decode(value, scratch);
        if (slice_equal_text(name, "X-Amz-Credential")) {
            parts->credential = value;
        } else if (slice_equal_text(name, "X-Amz-SignedHeaders")) {
            parts->signed_headers = value;
        } else if (slice_equal_text(name, "X-Amz-Signature")) {
            parts->signature = value;
        } else if (slice_equal_text(name, "X-Amz-Date")) {
            parts->date = value;
        }
    }
}

static bool query_has_signature(struct slice query)
{
    struct slice name = slice_of_text("X-Amz-Algorithm=");
    while (query.size > 0) {
        if (slice_starts_with(next_pair(&query), name)) {
            return true;
        }
    }
    return false;
}

void query_without_signature(struct slice query, struct buf *out)
{
    struct slice name = slice_of_text("X-Amz-Signature=");
    while (query.size > 0) {
        struct slice pair = next_pair(&query);
        if (slice_starts_with(pair, name)) {
            continue;
        }
        if (out->size > 0) {
            buf_append_byte(out, '&');
        }
        buf_append_slice(out, pair);
    }
}

static void name_missing(struct buf *message, const struct signature_parts *parts,
                         struct slice header)
{
    const struct {
        const char *name;
        struct slice value;
    } needed[] = {
        {"Credential", parts->credential},
        {"Signature", parts->signature},
        {"SignedHeaders", parts->signed_headers},
    };
    for (size_t i = 0; i < ARRAY_COUNT(needed); i++) {
        if (needed[i].value.size == 0) {
            buf_appendf(message,
                        parts->in_query ? "AWS query-string parameters must include 'X-Amz-%s'. "
                                        : "Authorization header requires '%s' parameter. ",
                        needed[i].name);
        }
    }
    if (parts->date.size == 0) {
        buf_append_text(message, parts->in_query
                                     ? "AWS query-string parameters must include 'X-Amz-Date'. "
                                     : "Authorization header requires existence of either a "
                                       "'X-Amz-Date' or a 'Date' header. ");
    }
    if (message->size == 0) {
        return;
    }
    if (parts->in_query) {
        buf_append_text(message, "Re-examine the query-string parameters.");
    } else {
        buf_append_text(message, "Authorization=");
        buf_append_slice(message, header);
    }
}

// Cuts the credential at its slashes. False unless it has exactly five parts.
static bool cut_scope(struct signature_parts *parts)
{
    struct slice rest = parts->credential;
    for (size_t i = 0; i < SCOPE_PARTS; i++) {
        const uint8_t *slash = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
        if ((slash == NULL) != (i + 1 == SCOPE_PARTS)) {
            return false;
        }
        size_t size = slash != NULL ? (size_t)(slash - rest.data) : rest.size;
        parts->scope[i] = slice_of(rest.data, size);
        rest = slice_skip(rest, slash != NULL ? size + 1 : size);
    }
    return true;
}

const char *signature_parse(const struct http_request *request, struct signature_parts *out_parts,
                            struct buf *scratch, struct buf *message)
{
    struct slice header = http_header(request, "Authorization");
    struct signature_parts parts = {.in_query = query_has_signature(request->query)};
    if (header.size > 0 && parts.in_query) {
        buf_append_text(message, "Found both 'X-Amz-Algorithm' as a query-string param and "
                                 "'Authorization' as HTTP header.");
        return "InvalidSignatureException";
    }
    if (header.size == 0 && !parts.in_query) {
        buf_append_text(message, "Missing Authentication Token");
        return "MissingAuthenticationTokenException";
    }
    if (parts.in_query) {
        parse_query(request->query, &parts, scratch);
    } else {
        parse_header(header, &parts);
        parts.date = http_header(request, "X-Amz-Date");
        if (parts.date.size == 0) {
            parts.date = http_header(request, "Date");
        }
    }
    name_missing(message, &parts, header);
    if (message->size > 0) {
        return "IncompleteSignatureException";
    }
    if (!cut_scope(&parts)) {
        buf_appendf(message,
                    "Credential must have exactly 5 slash-delimited elements, e.g. "
                    "keyid/date/region/service/term, got '%.*s'",
                    (int)parts.credential.size, (const char *)parts.credential.data);
        return "IncompleteSignatureException";
    }
    *out_parts = parts;
    return NULL;
}
