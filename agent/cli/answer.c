#include "cli/answer.h"

#include <stdio.h>

#include "base/compiler.h"

uint64_t answer_number(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

const char *answer_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

bool answer_harm(const json_t *file, size_t index, char out_text[ANSWER_HARM_BYTES])
{
    static const struct {
        const char *name;
        const char *text;
    } harms[] = {
        {"lost_bytes", "bytes were gone before they could be read"},
        {"lost_bytes_at_least", "bytes at least were gone before they could be read"},
        {"dropped", "records were dropped because the queue was full"},
        {"dead_lettered", "records were set aside as dead letters"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(harms); i++) {
        uint64_t count = answer_number(file, harms[i].name);
        if (count > 0 && index-- == 0) {
            (void)snprintf(out_text, ANSWER_HARM_BYTES, "%llu %s", (unsigned long long)count,
                           harms[i].text);
            return true;
        }
    }
    static const struct {
        const char *name;
        const char *text;
    } doubts[] = {
        {"perhaps_lost",
         "it was gone after a start; what was never seen of it is lost, if anything"},
        {"damaged", "records of it may have been in a damaged part of the queue"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(doubts); i++) {
        if (json_is_true(json_object_get(file, doubts[i].name)) && index-- == 0) {
            (void)snprintf(out_text, ANSWER_HARM_BYTES, "%s", doubts[i].text);
            return true;
        }
    }
    return false;
}
