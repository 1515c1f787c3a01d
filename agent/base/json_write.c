#include "base/json_write.h"

#include "base/json_plain.h"
#include "base/utf8.h"

static void append_escape(struct buf *out, uint8_t byte)
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
    buf_append(out, escape, length);
}

size_t json_write_string(struct buf *out, struct slice text)
{
    size_t replaced = 0;
    buf_append_byte(out, '"');
    for (;;) {
        size_t plain = json_plain_prefix(text);
        buf_append(out, text.data, plain);
        text = slice_skip(text, plain);
        if (text.size == 0) {
            break;
        }
        if (text.data[0] < 0x80) {
            append_escape(out, text.data[0]);
            text = slice_skip(text, 1);
            continue;
        }
        struct utf8_step step = utf8_step(text);
        if (step.valid) {
            buf_append(out, text.data, step.length);
        } else {
            buf_append_text(out, "\xef\xbf\xbd");
            replaced++;
        }
        text = slice_skip(text, step.length);
    }
    buf_append_byte(out, '"');
    return replaced;
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
