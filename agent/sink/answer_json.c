#include "base/error.h"
#include "base/json_scan.h"
#include "sink/answer.h"

static int read_entry(const struct answer_reader *reader, size_t index, struct slice object)
{
    if (json_kind_of(object) != JSON_OBJECT) {
        return E_SYNTAX;
    }
    struct answer_entry entry = {0};
    struct json_walk walk;
    json_walk_init(&walk, object);
    while (json_walk_next(&walk)) {
        if (json_kind_of(walk.value) == JSON_STRING) {
            struct slice text = slice_of(walk.value.data + 1, walk.value.size - 2);
            answer_take_member(reader->service, walk.name, text, &entry);
        }
    }
    if (walk.error != 0) {
        return E_SYNTAX;
    }
    reader->entry(reader->context, index, &entry);
    return 0;
}

static int read_list(const struct answer_reader *reader, struct slice list)
{
    if (json_kind_of(list) != JSON_ARRAY) {
        return E_SYNTAX;
    }
    size_t count = 0;
    struct json_walk walk;
    json_walk_init(&walk, list);
    while (json_walk_next(&walk)) {
        if (count == reader->records || read_entry(reader, count, walk.value) != 0) {
            return E_SYNTAX;
        }
        count++;
    }
    return walk.error == 0 && count == reader->records ? 0 : E_SYNTAX;
}

int answer_read_json(const struct answer_reader *reader, struct slice body)
{
    const char *list_name = answer_list_name(reader->service);
    bool found = false;
    struct json_walk walk;
    json_walk_init(&walk, body);
    if (walk.error != 0 || walk.kind != JSON_OBJECT) {
        return E_SYNTAX;
    }
    while (json_walk_next(&walk)) {
        if (!slice_equal_text(walk.name, list_name)) {
            continue;
        }
        if (found || read_list(reader, walk.value) != 0) {
            return E_SYNTAX;
        }
        found = true;
    }
    return walk.error == 0 && found ? 0 : E_SYNTAX;
}
