#include "aws/cbor.h"
#include "base/error.h"
#include "sink/answer.h"

enum { STRING_BYTES_MAX = 4096, JOINED_MAX = 4 };

// Strings that came in chunks are joined here, a buffer for each of an entry.
struct scratch {
    struct buf name;
    struct buf value[JOINED_MAX];
};

// Whether a map or list has another item; takes the break that ends an indefinite one.
static bool has_next(struct cbor_reader *cbor, const struct cbor_item *container, uint64_t done)
{
    if (cbor->error != 0) {
        return false;
    }
    if (!container->indefinite) {
        return done < container->argument;
    }
    if (cbor->rest.size == 0 || cbor->rest.data[0] != 0xff) {
        return true;
    }
    struct cbor_item item;
    (void)cbor_next(cbor, &item);
    return false;
}

static bool next_is_text(const struct cbor_reader *cbor)
{
    enum { TEXT = 3, MAJOR_SHIFT = 5 };
    return cbor->rest.size > 0 && cbor->rest.data[0] >> MAJOR_SHIFT == TEXT;
}

static void read_entry(const struct answer_reader *reader, struct cbor_reader *cbor, size_t index,
                       struct scratch *scratch)
{
    struct cbor_item map;
    if (!cbor_next(cbor, &map) || map.kind != CBOR_MAP) {
        cbor->error = E_SYNTAX;
        return;
    }
    struct answer_entry entry = {0};
    unsigned joined = 0;
    for (uint64_t i = 0; has_next(cbor, &map, i); i++) {
        buf_clear(&scratch->name);
        struct slice name = cbor_read_string(cbor, CBOR_TEXT, &scratch->name);
        if (cbor->error != 0 || !next_is_text(cbor)) {
            cbor_skip(cbor);
        } else if (joined == JOINED_MAX) {
            cbor->error = E_TOO_LARGE;
        } else {
            struct buf *chunks = &scratch->value[joined];
            buf_clear(chunks);
            struct slice value = cbor_read_string(cbor, CBOR_TEXT, chunks);
            answer_take_member(reader->service, name, value, &entry);
            joined += chunks->size > 0;
        }
    }
    if (cbor->error == 0) {
        reader->entry(reader->context, index, &entry);
    }
}

static int read_list(const struct answer_reader *reader, struct cbor_reader *cbor,
                     struct scratch *scratch)
{
    struct cbor_item list;
    if (!cbor_next(cbor, &list) || list.kind != CBOR_ARRAY) {
        return E_SYNTAX;
    }
    size_t count = 0;
    for (; has_next(cbor, &list, count); count++) {
        if (count == reader->records) {
            return E_SYNTAX;
        }
        read_entry(reader, cbor, count, scratch);
    }
    return cbor->error == 0 && count == reader->records ? 0 : E_SYNTAX;
}

static int read_body(const struct answer_reader *reader, struct slice body, struct scratch *scratch)
{
    struct cbor_reader cbor = cbor_reader_of(body);
    struct cbor_item map;
    if (!cbor_next(&cbor, &map) || map.kind != CBOR_MAP) {
        return E_SYNTAX;
    }
    const char *list_name = answer_list_name(reader->service);
    bool found = false;
    for (uint64_t i = 0; has_next(&cbor, &map, i); i++) {
        buf_clear(&scratch->name);
        struct slice name = cbor_read_string(&cbor, CBOR_TEXT, &scratch->name);
        if (cbor.error != 0 || !slice_equal_text(name, list_name)) {
            cbor_skip(&cbor);
        } else if (found || read_list(reader, &cbor, scratch) != 0) {
            return E_SYNTAX;
        } else {
            found = true;
        }
    }
    return cbor.error == 0 && found && cbor.rest.size == 0 ? 0 : E_SYNTAX;
}

int answer_read_cbor(const struct answer_reader *reader, struct slice body)
{
    struct scratch scratch;
    buf_init(&scratch.name, STRING_BYTES_MAX);
    for (size_t i = 0; i < JOINED_MAX; i++) {
        buf_init(&scratch.value[i], STRING_BYTES_MAX);
    }
    int result = read_body(reader, body, &scratch);
    buf_deinit(&scratch.name);
    for (size_t i = 0; i < JOINED_MAX; i++) {
        buf_deinit(&scratch.value[i]);
    }
    return result;
}
