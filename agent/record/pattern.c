#include "record/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "record/record.h"

enum {
    MATCH_LIMIT = 1000 * 1000, // steps of one match; pcre2api(3), pcre2_set_match_limit
    DEPTH_LIMIT = 10 * 1000,   // these two bound the interpreter, where JIT is not available
    HEAP_LIMIT_KIB = 1024,
    JIT_STACK_START = 32 * 1024,
    JIT_STACK_MAX = 512 * 1024,
};

struct pattern_stack {
    pcre2_match_context *context;
    pcre2_jit_stack *jit_stack;
};

struct group {
    const char *name; // in the name table of the code
    unsigned *numbers;
    size_t number_count;
};

struct pattern {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    struct group *groups;
    size_t group_count;
    struct slice subject; // of the last match
};

struct pattern_stack *pattern_stack_create(void)
{
    struct pattern_stack *stack = xcalloc(1, sizeof *stack);
    stack->context = pcre2_match_context_create(NULL);
    ASSERT(stack->context != NULL);
    pcre2_set_match_limit(stack->context, MATCH_LIMIT);
    pcre2_set_depth_limit(stack->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(stack->context, HEAP_LIMIT_KIB);
    stack->jit_stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
    if (stack->jit_stack != NULL) {
        pcre2_jit_stack_assign(stack->context, NULL, stack->jit_stack);
    }
    return stack;
}

void pattern_stack_free(struct pattern_stack *stack)
{
    if (stack == NULL) {
        return;
    }
    pcre2_match_context_free(stack->context);
    if (stack->jit_stack != NULL) {
        pcre2_jit_stack_free(stack->jit_stack);
    }
    free(stack);
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80) {
            return false;
        }
    }
    return true;
}

static int compile(const char *text, char *why, size_t why_size, pcre2_code **out_code)
{
    uint32_t options = is_ascii(text) ? 0 : PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
    int number;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                                     options | PCRE2_NEVER_BACKSLASH_C, &number, &offset, NULL);
    if (code == NULL) {
        char message[160];
        pcre2_get_error_message(number, (PCRE2_UCHAR *)message, sizeof message);
        if (why_size != 0) {
            snprintf(why, why_size, "%s at offset %zu of \"%s\"", message, offset, text);
        }
        return E_SYNTAX;
    }
    // Where the machine or the pattern has no JIT, pcre2_match interprets.
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    *out_code = code;
    return 0;
}

static struct group *find_group(const struct pattern *pattern, const char *name)
{
    for (size_t i = 0; i < pattern->group_count; i++) {
        if (strcmp(pattern->groups[i].name, name) == 0) {
            return &pattern->groups[i];
        }
    }
    return NULL;
}

static int compare_groups(const void *a, const void *b)
{
    const struct group *left = a;
    const struct group *right = b;
    return left->numbers[0] < right->numbers[0] ? -1 : left->numbers[0] > right->numbers[0];
}

// The name table is sorted by name, and by number for equal names: pcre2api(3),
// PCRE2_INFO_NAMETABLE.
static void list_groups(struct pattern *pattern)
{
    uint32_t count = 0;
    uint32_t entry_size = 0;
    const uint8_t *table = NULL;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &entry_size);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMETABLE, &table);
    pattern->groups = xcalloc(count + 1, sizeof *pattern->groups);
    for (uint32_t i = 0; i < count; i++, table += entry_size) {
        const char *name = (const char *)table + 2;
        struct group *group = find_group(pattern, name);
        if (group == NULL) {
            group = &pattern->groups[pattern->group_count++];
            group->name = name;
        }
        group->numbers = xreallocarray(group->numbers, group->number_count + 1, sizeof(unsigned));
        group->numbers[group->number_count++] = (unsigned)(table[0] << 8 | table[1]);
    }
    qsort(pattern->groups, pattern->group_count, sizeof *pattern->groups, compare_groups);
}

int pattern_create(const char *text, struct pattern_stack *stack, char *why, size_t why_size,
                   struct pattern **out_pattern)
{
    pcre2_code *code;
    int error = compile(text, why, why_size, &code);
    if (error != 0) {
        return error;
    }
    struct pattern *pattern = xcalloc(1, sizeof *pattern);
    pattern->code = code;
    pattern->context = stack->context;
    pattern->match = pcre2_match_data_create_from_pattern(code, NULL);
    ASSERT(pattern->match != NULL);
    list_groups(pattern);
    *out_pattern = pattern;
    return 0;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL) {
        return;
    }
    for (size_t i = 0; i < pattern->group_count; i++) {
        free(pattern->groups[i].numbers);
    }
    free(pattern->groups);
    pcre2_match_data_free(pattern->match);
    pcre2_code_free(pattern->code);
    free(pattern);
}

bool pattern_matches(struct pattern *pattern, struct slice subject)
{
    if (subject.data == NULL) {
        subject = slice_of("", 0);
    }
    pattern->subject = subject;
    return pcre2_match(pattern->code, subject.data, subject.size, 0, 0, pattern->match,
                       pattern->context) >= 0;
}

size_t pattern_group_count(const struct pattern *pattern)
{
    return pattern->group_count;
}

const char *pattern_group_name(const struct pattern *pattern, size_t index)
{
    return pattern->groups[index].name;
}

bool pattern_group(const struct pattern *pattern, size_t index, struct slice *out_text)
{
    const struct group *group = &pattern->groups[index];
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(pattern->match);
    for (size_t i = 0; i < group->number_count; i++) {
        PCRE2_SIZE start = bounds[(size_t)2 * group->numbers[i]];
        PCRE2_SIZE end = bounds[(size_t)2 * group->numbers[i] + 1];
        // \K in a look-ahead can put a start behind its end.
        if (start != PCRE2_UNSET && start <= end) {
            *out_text = slice_of(pattern->subject.data + start, end - start);
            return true;
        }
    }
    return false;
}

int pattern_list_create(const struct string_list *texts, struct pattern_stack *stack,
                        struct pattern_list *out_list)
{
    struct pattern_list list = {.items = xcalloc(texts->count + 1, sizeof(struct pattern *))};
    for (size_t i = 0; i < texts->count; i++) {
        int error = pattern_create(texts->items[i], stack, NULL, 0, &list.items[i]);
        if (error != 0) {
            pattern_list_free(&list);
            return error;
        }
        list.count++;
    }
    *out_list = list;
    return 0;
}

void pattern_list_free(struct pattern_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        pattern_free(list->items[i]);
    }
    free(list->items);
    *list = (struct pattern_list){0};
}

bool pattern_list_matches(const struct pattern_list *list, struct slice subject)
{
    for (size_t i = 0; i < list->count; i++) {
        if (pattern_matches(list->items[i], subject)) {
            return true;
        }
    }
    return false;
}

bool record_check_regex(const char *pattern, bool needs_named_groups, char *why, size_t why_size)
{
    pcre2_code *code;
    if (compile(pattern, why, why_size, &code) != 0) {
        return false;
    }
    uint32_t count = 0;
    pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_code_free(code);
    if (needs_named_groups && count == 0) {
        snprintf(why, why_size,
                 "no named group in \"%s\"; write (?<name>...) around each part that is to become "
                 "a field",
                 pattern);
        return false;
    }
    return true;
}
