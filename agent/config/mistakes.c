#include "config/mistakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/utf8.h"

struct mistake {
    struct mark mark;
    size_t number; // in the order of finding, so that the sort is stable
    char *text;
};

struct mistakes {
    char **files;
    size_t file_count;
    struct mistake *items;
    size_t stored;
    size_t stored_max;
    size_t count;
};

struct mistakes *mistakes_create(size_t count_max)
{
    struct mistakes *mistakes = xcalloc(1, sizeof *mistakes);
    mistakes->stored_max = count_max;
    mistakes->items = xcalloc(count_max, sizeof *mistakes->items);
    return mistakes;
}

void mistakes_free(struct mistakes *mistakes)
{
    if (mistakes == NULL) {
        return;
    }
    for (size_t i = 0; i < mistakes->file_count; i++) {
        free(mistakes->files[i]);
    }
    for (size_t i = 0; i < mistakes->stored; i++) {
        free(mistakes->items[i].text);
    }
    free(mistakes->files);
    free(mistakes->items);
    free(mistakes);
}

size_t mistakes_add_file(struct mistakes *mistakes, const char *path)
{
    mistakes->files =
        xreallocarray(mistakes->files, mistakes->file_count + 1, sizeof *mistakes->files);
    mistakes->files[mistakes->file_count] = xstrdup(path);
    return mistakes->file_count++;
}

const char *mistakes_file(const struct mistakes *mistakes, size_t file)
{
    ASSERT(file < mistakes->file_count);
    return mistakes->files[file];
}

// What a file holds must not move the cursor of a terminal or break the line.
static void make_printable(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

void mistakes_add(struct mistakes *mistakes, struct mark mark, const struct setting_path *path,
                  const char *format, ...)
{
    ASSERT(mark.file < mistakes->file_count);
    if (mistakes->count++ >= mistakes->stored_max) {
        return;
    }
    va_list args;
    va_start(args, format);
    char *message = NULL;
    int length = vasprintf(&message, format, args);
    va_end(args);
    ASSERT(length >= 0);
    struct mistake *mistake = &mistakes->items[mistakes->stored];
    mistake->mark = mark;
    mistake->number = mistakes->stored++;
    char place[SETTING_PATH_MAX];
    setting_path_text(path, place);
    mistake->text = xasprintf("%s%s%s", place, place[0] == '\0' ? "" : ": ", message);
    make_printable(mistake->text);
    free(message);
}

size_t mistakes_count(const struct mistakes *mistakes)
{
    return mistakes->count;
}

static int order(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare(const void *left, const void *right)
{
    const struct mistake *a = left;
    const struct mistake *b = right;
    int result = order(a->mark.file, b->mark.file);
    if (result == 0) {
        result = order(a->mark.line, b->mark.line);
    }
    if (result == 0) {
        result = order(a->mark.column, b->mark.column);
    }
    return result == 0 ? order(a->number, b->number) : result;
}

void mistakes_report(struct mistakes *mistakes, struct buf *out)
{
    qsort(mistakes->items, mistakes->stored, sizeof *mistakes->items, compare);
    for (size_t i = 0; i < mistakes->stored; i++) {
        const struct mistake *mistake = &mistakes->items[i];
        buf_append_text(out, mistakes_file(mistakes, mistake->mark.file));
        if (mistake->mark.line != 0) {
            buf_appendf(out, ":%zu:%zu", mistake->mark.line, mistake->mark.column);
        }
        buf_append_text(out, ": ");
        utf8_append_valid(out, slice_of_text(mistake->text)); // a quoted value may have been cut
        buf_append_byte(out, '\n');
    }
    if (mistakes->count > mistakes->stored) {
        buf_appendf(out, "and %zu more\n", mistakes->count - mistakes->stored);
    }
}
