// The JSON reader over any bytes: what it accepts must survive its own compaction, and a walk must
// agree with the check of the whole. The writer over the same bytes must come back.
#include "base/assert.h"
#include "base/error.h"
#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_agrees(struct slice text, bool valid)
{
    struct json_walk walk;
    json_walk_init(&walk, text);
    while (json_walk_next(&walk)) {
        ASSERT(json_validate(walk.value, NULL) == 0);
        struct slice found;
        if (walk.kind == JSON_OBJECT && memchr(walk.name.data, '\\', walk.name.size) == NULL) {
            int error = json_find(text, walk.name, &found);
            ASSERT(error != 0 || json_validate(found, NULL) == 0);
        }
    }
    // A walk into the top level allows one level more.
    ASSERT(!valid || walk.error == 0);
}

static void string_comes_back(struct slice text)
{
    struct buf written;
    struct buf back;
    struct buf expected;
    buf_init(&written, 6 * text.size + 2);
    buf_init(&back, 3 * text.size);
    buf_init(&expected, 3 * text.size);
    size_t replaced = json_write_string(&written, text);
    ASSERT(utf8_append_valid(&expected, text) == replaced);
    ASSERT(json_unescape(buf_slice(&written), &back) == 0);
    ASSERT(slice_equal(buf_slice(&back), buf_slice(&expected)));
    buf_deinit(&expected);
    buf_deinit(&back);
    buf_deinit(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    string_comes_back(text);
    size_t offset = 0;
    int error = json_validate(text, &offset);
    ASSERT(error == 0 || offset <= size);

    struct buf once;
    struct buf twice;
    buf_init(&once, size);
    buf_init(&twice, size);
    ASSERT(json_compact(text, &once, NULL) == error);
    ASSERT(!once.overflow);
    if (error == 0) {
        ASSERT(json_compact(buf_slice(&once), &twice, NULL) == 0);
        ASSERT(slice_equal(buf_slice(&once), buf_slice(&twice)));
        enum json_kind kind = json_kind_of(text);
        if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
            walk_agrees(text, true);
        } else if (kind == JSON_STRING) {
            buf_clear(&twice);
            ASSERT(json_unescape(buf_slice(&once), &twice) == 0);
            ASSERT(!twice.overflow);
        }
    } else {
        walk_agrees(text, false);
        ASSERT(json_unescape(text, &twice) == E_SYNTAX);
    }
    buf_deinit(&twice);
    buf_deinit(&once);
    return 0;
}
