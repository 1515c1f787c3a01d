#include "support/random_json.h"

#include "base/utf8.h"

struct document {
    struct prng *prng;
    struct buf *compact;
    struct buf *spaced;
};

static bool chance(struct document *document, unsigned one_in)
{
    return prng_below(document->prng, one_in) == 0;
}

static void both(struct document *document, struct slice text)
{
    buf_append_slice(document->compact, text);
    buf_append_slice(document->spaced, text);
}

static void both_text(struct document *document, const char *text)
{
    both(document, slice_of_text(text));
}

static void space(struct document *document)
{
    for (uint64_t count = prng_below(document->prng, 4) / 2; count > 0; count--) {
        buf_append_byte(document->spaced, (uint8_t) " \t\r\n"[prng_below(document->prng, 4)]);
    }
}

static void digits(struct document *document)
{
    do {
        uint8_t digit = (uint8_t)('0' + prng_below(document->prng, 10));
        both(document, slice_of(&digit, 1));
    } while (!chance(document, 4));
}

static void number(struct document *document)
{
    both_text(document, chance(document, 3) ? "-" : "");
    if (chance(document, 4)) {
        both_text(document, "0");
    } else {
        uint8_t digit = (uint8_t)('1' + prng_below(document->prng, 9));
        both(document, slice_of(&digit, 1));
        if (chance(document, 2)) {
            digits(document);
        }
    }
    if (chance(document, 3)) {
        both_text(document, ".");
        digits(document);
    }
    if (chance(document, 4)) {
        static const char *const exponents[] = {"e", "E", "e+", "E-"};
        both_text(document, exponents[prng_below(document->prng, 4)]);
        digits(document);
    }
}

static void escape(struct document *document)
{
    static const char *const escapes[] = {"\\\"",
                                          "\\\\",
                                          "\\/",
                                          "\\b",
                                          "\\f",
                                          "\\n",
                                          "\\r",
                                          "\\t",
                                          "\\u0000",
                                          "\\u00e9",
                                          "\\uD83D\\uDE00",
                                          "\\ud800",
                                          "\\uDC00x",
                                          "\\u20AC"};
    both_text(document, escapes[prng_below(document->prng, sizeof escapes / sizeof escapes[0])]);
}

static void string(struct document *document)
{
    both_text(document, "\"");
    for (uint64_t count = prng_below(document->prng, 8); count > 0; count--) {
        uint8_t bytes[4];
        uint32_t code_point =
            (uint32_t)prng_below(document->prng, (uint64_t)1 << prng_below(document->prng, 22));
        if (chance(document, 4)) {
            escape(document);
        } else if (code_point < 0x20 || code_point == '"' || code_point == '\\') {
            both_text(document, "plain");
        } else {
            both(document, slice_of(bytes, utf8_encode(code_point, bytes)));
        }
    }
    both_text(document, "\"");
}

static void value(struct document *document, unsigned depth);

static void container(struct document *document, unsigned depth, bool object)
{
    both_text(document, object ? "{" : "[");
    uint64_t count = prng_below(document->prng, 5);
    for (uint64_t i = 0; i < count; i++) {
        space(document);
        if (object) {
            string(document);
            space(document);
            both_text(document, ":");
        }
        value(document, depth + 1);
        if (i + 1 < count) {
            both_text(document, ",");
        }
    }
    space(document);
    both_text(document, object ? "}" : "]");
}

static void value(struct document *document, unsigned depth)
{
    static const char *const words[] = {"true", "false", "null"};
    space(document);
    switch (prng_below(document->prng, depth < 6 ? 6 : 4)) {
    case 0:
        both_text(document, words[prng_below(document->prng, 3)]);
        break;
    case 1:
    case 2:
        number(document);
        break;
    case 3:
        string(document);
        break;
    case 4:
        container(document, depth, true);
        break;
    default:
        container(document, depth, false);
        break;
    }
    space(document);
}

void random_json(struct prng *prng, struct buf *compact, struct buf *spaced)
{
    struct document document = {.prng = prng, .compact = compact, .spaced = spaced};
    value(&document, 0);
}
