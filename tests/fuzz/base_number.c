// Numbers, sizes and durations out of any bytes: what is accepted is formatted and read back as the
// same value.
#include "base/assert.h"
#include "base/error.h"
#include "base/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    char formatted[NUMBER_TEXT_MAX];
    uint64_t value;
    uint64_t back;
    int error = number_parse_u64(text, &value);
    ASSERT(error == 0 || error == E_SYNTAX || error == E_RANGE);
    if (error == 0) {
        ASSERT(number_parse_size(text, &back) == 0 && back == value);
    }
    error = number_parse_size(text, &value);
    ASSERT(error == 0 || error == E_SYNTAX || error == E_RANGE);
    if (error == 0) {
        number_format_size(value, formatted);
        ASSERT(number_parse_size(slice_of_text(formatted), &back) == 0 && back == value);
    }
    error = number_parse_duration(text, &value);
    ASSERT(error == 0 || error == E_SYNTAX || error == E_RANGE);
    if (error == 0) {
        number_format_duration(value, formatted);
        ASSERT(number_parse_duration(slice_of_text(formatted), &back) == 0 && back == value);
    }
    return 0;
}
