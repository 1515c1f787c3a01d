// Reading what the agent answers on its status socket (runtime/status_document.h has the members).
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

enum { ANSWER_HARM_BYTES = 128 };

// The member `name` of an object; 0 and "" when it is not there.
uint64_t answer_number(const json_t *object, const char *name);
const char *answer_text(const json_t *object, const char *name);
// What of a file did not and will not arrive: writes the reason number `index`, counted from 0, as
// a text. False when there are no more.
NODISCARD bool answer_harm(const json_t *file, size_t index, char out_text[ANSWER_HARM_BYTES]);
