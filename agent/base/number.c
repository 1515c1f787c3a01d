#include "base/number.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

struct unit {
    const char *name;
    uint64_t factor;
};

// Largest first within each family, as the formatters want it.
static const struct unit binary_units[] = {
    {"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}};
static const struct unit decimal_units[] = {
    {"GB", 1000ull * 1000 * 1000}, {"MB", 1000ull * 1000}, {"kB", 1000}};
static const struct unit duration_units[] = {
    {"d", 86400ull * 1000}, {"h", 3600ull * 1000}, {"m", 60ull * 1000}, {"s", 1000}, {"ms", 1}};

static const struct unit *find_unit(const struct unit *units, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_text(name, units[i].name)) {
            return &units[i];
        }
    }
    return NULL;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

// Reads the digits at the front of `*text` and moves it behind them.
static int take_digits(struct slice *text, uint64_t *out_value)
{
    uint64_t value = 0;
    size_t i = 0;
    bool overflow = false;
    for (; i < text->size && is_digit(text->data[i]); i++) {
        overflow = overflow || __builtin_mul_overflow(value, 10u, &value) ||
                   __builtin_add_overflow(value, (uint64_t)(text->data[i] - '0'), &value);
    }
    if (i == 0) {
        return E_SYNTAX;
    }
    *text = slice_skip(*text, i);
    *out_value = value;
    return overflow ? E_RANGE : 0;
}

static struct slice take_letters(struct slice *text)
{
    size_t i = 0;
    while (i < text->size && is_letter(text->data[i])) {
        i++;
    }
    struct slice letters = slice_of(text->data, i);
    *text = slice_skip(*text, i);
    return letters;
}

int number_parse_u64(struct slice text, uint64_t *out_value)
{
    uint64_t value;
    int error = take_digits(&text, &value);
    if (text.size != 0) {
        return E_SYNTAX;
    }
    if (error == 0) {
        *out_value = value;
    }
    return error;
}

int number_parse_size(struct slice text, uint64_t *out_bytes)
{
    uint64_t value;
    int error = take_digits(&text, &value);
    if (error == E_SYNTAX) {
        return error;
    }
    uint64_t factor = 1;
    if (text.size != 0) {
        if (text.data[0] == ' ') {
            text = slice_skip(text, 1);
        }
        const struct unit *unit = find_unit(binary_units, ARRAY_COUNT(binary_units), text);
        if (unit == NULL) {
            unit = find_unit(decimal_units, ARRAY_COUNT(decimal_units), text);
        }
        if (unit == NULL) {
            return E_SYNTAX;
        }
        factor = unit->factor;
    }
    if (error != 0 || __builtin_mul_overflow(value, factor, &value)) {
        return E_RANGE;
    }
    *out_bytes = value;
    return 0;
}

int number_parse_duration(struct slice text, uint64_t *out_ms)
{
    uint64_t sum = 0;
    bool overflow = false;
    uint64_t factor_before = UINT64_MAX;
    do {
        uint64_t value;
        int error = take_digits(&text, &value);
        if (error == E_SYNTAX) {
            return error;
        }
        const struct unit *unit =
            find_unit(duration_units, ARRAY_COUNT(duration_units), take_letters(&text));
        if (unit == NULL || unit->factor >= factor_before) {
            return E_SYNTAX;
        }
        factor_before = unit->factor;
        overflow = overflow || error != 0 || __builtin_mul_overflow(value, unit->factor, &value) ||
                   __builtin_add_overflow(sum, value, &sum);
    } while (text.size != 0);
    if (overflow) {
        return E_RANGE;
    }
    *out_ms = sum;
    return 0;
}

static void format(uint64_t value, const struct unit *units, char text[NUMBER_TEXT_MAX])
{
    while (value == 0 ? units->factor != 1 : value % units->factor != 0) {
        units++;
    }
    snprintf(text, NUMBER_TEXT_MAX, "%llu%s", (unsigned long long)(value / units->factor),
             units->name);
}

void number_format_size(uint64_t bytes, char text[NUMBER_TEXT_MAX])
{
    format(bytes, binary_units, text);
}

void number_format_duration(uint64_t ms, char text[NUMBER_TEXT_MAX])
{
    format(ms, duration_units, text);
}
