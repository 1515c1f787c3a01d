// Compiler attributes that the whole code base uses.
#pragma once

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_arg) \
    __attribute__((format(printf, format_index, first_arg)))
#define NORETURN __attribute__((noreturn))
#define NOINLINE __attribute__((noinline))

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))
