#include "source/glob.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

enum { PATTERN_BYTES_MAX = 4096 };

// A component of a pattern. Its index among all components is its state: "what is in this
// directory is compared with me".
struct component {
    char *text;
    bool any_depth; // `**`
    bool last;
};

struct list {
    char **items;
    size_t count;
};

struct glob {
    struct component *components;
    size_t component_count;
    char **bases;
    size_t *starts; // first component of each pattern
    size_t *base_of;
    size_t base_count;
    size_t pattern_count;
    struct list exclude;
};

static void list_add(struct list *list, char *item)
{
    list->items = xreallocarray(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count++] = item;
}

static void list_free(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
}

// ---- braces ----

// Index behind a bracket expression that starts at `at`, or 0 when it is not closed.
static size_t class_end(const char *text, size_t at)
{
    size_t i = at + 1;
    if (text[i] == '!' || text[i] == '^') {
        i++;
    }
    if (text[i] == ']') {
        i++;
    }
    while (text[i] != '\0' && text[i] != ']') {
        i += text[i] == '\\' && text[i + 1] != '\0' ? 2 : 1;
    }
    return text[i] == ']' ? i + 1 : 0;
}

// Index behind the element of a pattern that starts at `at`, or 0 when the pattern is malformed.
static size_t element_end(const char *text, size_t at)
{
    if (text[at] == '\\') {
        return text[at + 1] == '\0' ? 0 : at + 2;
    }
    return text[at] == '[' ? class_end(text, at) : at + 1;
}

struct brace {
    size_t open;
    size_t close;
};

// Finds the first brace outside of classes. Returns 1, 0 for none, or E_SYNTAX.
static int find_brace(const char *text, struct brace *out_brace)
{
    size_t open = 0;
    size_t depth = 0;
    for (size_t i = 0; text[i] != '\0';) {
        if (text[i] == '{') {
            open = depth == 0 ? i : open;
            depth++;
        } else if (text[i] == '}' && depth > 0 && --depth == 0) {
            *out_brace = (struct brace){.open = open, .close = i};
            return 1;
        }
        i = element_end(text, i);
        if (i == 0) {
            return E_SYNTAX;
        }
    }
    return depth == 0 ? 0 : E_SYNTAX;
}

static int add_alternative(struct list *work, const char *text, const struct brace *brace,
                           struct slice middle)
{
    const char *rest = text + brace->close + 1;
    if (brace->open + middle.size + strlen(rest) > PATTERN_BYTES_MAX ||
        work->count >= GLOB_PATTERNS_MAX) {
        return E_TOO_LARGE;
    }
    list_add(work, xasprintf("%.*s%.*s%s", (int)brace->open, text, (int)middle.size,
                             (const char *)middle.data, rest));
    return 0;
}

// Puts the alternatives of the first brace on the work list.
static int expand_brace(struct list *work, const char *text, const struct brace *brace)
{
    size_t depth = 0;
    size_t from = brace->open + 1;
    for (size_t i = from; i <= brace->close;) {
        bool ends = i == brace->close || (text[i] == ',' && depth == 0);
        if (ends) {
            int error = add_alternative(work, text, brace, slice_of(text + from, i - from));
            if (error != 0) {
                return error;
            }
            from = i + 1;
        } else if (text[i] == '{') {
            depth++;
        } else if (text[i] == '}') {
            depth--;
        }
        i = element_end(text, i);
    }
    return 0;
}

// Adds every spelling of `pattern` to `out`.
static int expand(const char *pattern, struct list *out)
{
    if (strlen(pattern) > PATTERN_BYTES_MAX) {
        return E_TOO_LARGE;
    }
    struct list work = {0};
    list_add(&work, xstrdup(pattern));
    int error = 0;
    while (error == 0 && work.count > 0) {
        char *text = work.items[--work.count];
        struct brace brace;
        int found = find_brace(text, &brace);
        if (found == 1) {
            error = expand_brace(&work, text, &brace);
            free(text);
        } else if (found == 0 && out->count < GLOB_PATTERNS_MAX) {
            list_add(out, text);
        } else {
            error = found == 0 ? E_TOO_LARGE : E_SYNTAX;
            free(text);
        }
    }
    list_free(&work);
    return error;
}

// ---- components ----

static bool has_wildcard(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr("*?[\\", text[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static size_t find_base(struct glob *glob, const char *text, size_t size)
{
    for (size_t i = 0; i < glob->base_count; i++) {
        if (slice_equal_text(slice_of(text, size), glob->bases[i])) {
            return i;
        }
    }
    glob->bases = xreallocarray(glob->bases, glob->base_count + 1, sizeof *glob->bases);
    glob->bases[glob->base_count] = xstrndup(slice_of(text, size));
    return glob->base_count++;
}

static void add_component(struct glob *glob, const char *text, size_t size)
{
    glob->components =
        xreallocarray(glob->components, glob->component_count + 1, sizeof *glob->components);
    struct component *component = &glob->components[glob->component_count++];
    component->text = xstrndup(slice_of(text, size));
    component->any_depth = strcmp(component->text, "**") == 0;
    component->last = false;
}

// Length of the directory prefix without wildcards, its last slash left out; `*out_rest` is where
// the components begin.
static size_t prefix_size(const char *text, size_t *out_rest)
{
    size_t prefix = 0;
    size_t rest = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] != '/') {
            continue;
        }
        if (has_wildcard(text + rest, i - rest)) {
            break;
        }
        prefix = i;
        rest = i + 1;
    }
    *out_rest = rest;
    return prefix;
}

static int add_pattern(struct glob *glob, const char *text)
{
    size_t rest;
    size_t prefix = prefix_size(text, &rest);
    if (text[rest] == '\0') {
        return E_SYNTAX;
    }
    const char *base = prefix > 0 ? text : (rest > 0 ? "/" : ".");
    size_t index = find_base(glob, base, prefix > 0 ? prefix : 1);
    size_t start = glob->component_count;
    for (size_t i = rest; text[i] != '\0';) {
        size_t size = strcspn(text + i, "/");
        if (size > 0) {
            add_component(glob, text + i, size);
        }
        i += size;
        if (text[i] == '/' && text[i + 1] == '\0') {
            return E_SYNTAX;
        }
        i += text[i] == '/' ? 1 : 0;
    }
    if (glob->component_count > GLOB_COMPONENTS_MAX) {
        return E_TOO_LARGE;
    }
    if (glob->components[glob->component_count - 1].any_depth) {
        add_component(glob, "*", 1);
    }
    glob->components[glob->component_count - 1].last = true;
    size_t count = glob->pattern_count++;
    glob->starts = xreallocarray(glob->starts, count + 1, sizeof *glob->starts);
    glob->base_of = xreallocarray(glob->base_of, count + 1, sizeof *glob->base_of);
    glob->starts[count] = start;
    glob->base_of[count] = index;
    return 0;
}

static int add_files(struct glob *glob, const char *pattern)
{
    struct list spelled = {0};
    int error = pattern[0] == '\0' ? E_SYNTAX : expand(pattern, &spelled);
    for (size_t i = 0; error == 0 && i < spelled.count; i++) {
        error = add_pattern(glob, spelled.items[i]);
    }
    list_free(&spelled);
    return error;
}

int glob_create(const struct string_list *files, const struct string_list *exclude,
                struct glob **out_glob, const char **out_bad)
{
    struct glob *glob = xcalloc(1, sizeof *glob);
    const char *bad = NULL;
    int error = 0;
    for (size_t i = 0; error == 0 && i < files->count; i++) {
        bad = files->items[i];
        error = add_files(glob, bad);
    }
    for (size_t i = 0; error == 0 && i < exclude->count; i++) {
        bad = exclude->items[i];
        error = bad[0] == '\0' ? E_SYNTAX : expand(bad, &glob->exclude);
    }
    if (error != 0) {
        if (out_bad != NULL) {
            *out_bad = bad;
        }
        glob_free(glob);
        return error;
    }
    *out_glob = glob;
    return 0;
}

void glob_free(struct glob *glob)
{
    if (glob == NULL) {
        return;
    }
    for (size_t i = 0; i < glob->component_count; i++) {
        free(glob->components[i].text);
    }
    for (size_t i = 0; i < glob->base_count; i++) {
        free(glob->bases[i]);
    }
    free(glob->components);
    free(glob->bases);
    free(glob->starts);
    free(glob->base_of);
    list_free(&glob->exclude);
    free(glob);
}

// ---- matching ----

static bool class_matches(const char *class, size_t size, char c)
{
    size_t i = 1;
    bool negated = class[i] == '!' || class[i] == '^';
    i += negated ? 1 : 0;
    bool found = false;
    while (i + 1 < size) {
        i += class[i] == '\\' && i + 2 < size ? 1 : 0;
        unsigned char low = (unsigned char)class[i];
        unsigned char high = low;
        if (class[i + 1] == '-' && i + 3 < size) {
            i += 2;
            i += class[i] == '\\' && i + 2 < size ? 1 : 0;
            high = (unsigned char)class[i];
        }
        found = found || (low <= (unsigned char)c && (unsigned char)c <= high);
        i++;
    }
    return found != negated;
}

// Whether the element of the pattern at `at` matches `c`; `*out_next` is the index behind it.
static bool element_matches(const char *pattern, size_t at, char c, size_t *out_next)
{
    size_t next = pattern[at] == '\0' ? at : element_end(pattern, at);
    if (next == 0 || next == at) {
        return false;
    }
    *out_next = next;
    switch (pattern[at]) {
    case '?':
        return true;
    case '[':
        return class_matches(pattern + at, next - at, c);
    case '\\':
        return pattern[at + 1] == c;
    default:
        return pattern[at] == c;
    }
}

bool glob_component_matches(const char *pattern, const char *name)
{
    if (name[0] == '.' && pattern[0] != '.' && !(pattern[0] == '\\' && pattern[1] == '.')) {
        return false;
    }
    // When something behind a star does not fit, only the last star has to take one more character:
    // what an earlier one could take, the last can too.
    size_t p = 0;
    size_t n = 0;
    size_t star = SIZE_MAX;
    size_t star_name = 0;
    for (;;) {
        if (pattern[p] == '*') {
            star = ++p;
            star_name = n;
        } else if (name[n] != '\0' && element_matches(pattern, p, name[n], &p)) {
            n++;
        } else if (name[n] == '\0') {
            return pattern[p] == '\0';
        } else if (star != SIZE_MAX) {
            p = star;
            n = ++star_name;
        } else {
            return false;
        }
    }
}

static bool is_set(const uint64_t *states, size_t state)
{
    return (states[state / 64] >> (state % 64) & 1) != 0;
}

// A `**` also stands for no directory at all.
static void set_state(const struct glob *glob, uint64_t *states, size_t state)
{
    states[state / 64] |= (uint64_t)1 << (state % 64);
    while (glob->components[state].any_depth) {
        state++;
        states[state / 64] |= (uint64_t)1 << (state % 64);
    }
}

size_t glob_base_count(const struct glob *glob)
{
    return glob->base_count;
}

const char *glob_base(const struct glob *glob, size_t index)
{
    return glob->bases[index];
}

size_t glob_state_words(const struct glob *glob)
{
    return glob->component_count / 64 + 1;
}

void glob_start(const struct glob *glob, size_t index, uint64_t *out_states)
{
    for (size_t i = 0; i < glob->pattern_count; i++) {
        if (glob->base_of[i] == index) {
            set_state(glob, out_states, glob->starts[i]);
        }
    }
}

// Calls `f` for each state of a set, skipping empty words.
#define FOR_EACH_STATE(glob, states, state)                                        \
    for (size_t state = 0; state < (glob)->component_count;                        \
         state += (states)[state / 64] >> (state % 64) == 0 ? 64 - state % 64 : 1) \
        if (is_set((states), state))

bool glob_enter(const struct glob *glob, const uint64_t *states, const char *name, bool linked,
                uint64_t *out_states)
{
    bool any = false;
    FOR_EACH_STATE(glob, states, state)
    {
        const struct component *component = &glob->components[state];
        if (component->any_depth) {
            if (!linked && name[0] != '.') {
                set_state(glob, out_states, state);
                any = true;
            }
        } else if (!component->last && glob_component_matches(component->text, name)) {
            set_state(glob, out_states, state + 1);
            any = true;
        }
    }
    return any;
}

bool glob_matches(const struct glob *glob, const uint64_t *states, const char *name)
{
    FOR_EACH_STATE(glob, states, state)
    {
        const struct component *component = &glob->components[state];
        if (component->last && glob_component_matches(component->text, name)) {
            return true;
        }
    }
    return false;
}

// ---- exclusion ----

static bool component_matches_slice(struct slice pattern, struct slice name)
{
    char *pattern_text = xstrndup(pattern);
    char *name_text = xstrndup(name);
    bool matches = glob_component_matches(pattern_text, name_text);
    free(pattern_text);
    free(name_text);
    return matches;
}

static struct slice take_component(const char **text)
{
    size_t size = strcspn(*text, "/");
    struct slice component = slice_of(*text, size);
    *text += size;
    *text += **text == '/' ? 1 : 0;
    return component;
}

// The same idea as in glob_component_matches, with components for characters.
static bool path_matches(const char *pattern, const char *path)
{
    const char *star = NULL;
    const char *star_path = NULL;
    for (;;) {
        const char *next_pattern = pattern;
        const char *next_path = path;
        struct slice component = take_component(&next_pattern);
        struct slice name = take_component(&next_path);
        if (slice_equal_text(component, "**")) {
            pattern = next_pattern;
            star = next_pattern;
            star_path = path;
        } else if (*pattern != '\0' && *path != '\0' && component_matches_slice(component, name)) {
            pattern = next_pattern;
            path = next_path;
        } else if (*path == '\0') {
            return *pattern == '\0';
        } else if (star != NULL) {
            (void)take_component(&star_path);
            pattern = star;
            path = star_path;
        } else {
            return false;
        }
    }
}

bool glob_excluded(const struct glob *glob, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    for (size_t i = 0; i < glob->exclude.count; i++) {
        const char *pattern = glob->exclude.items[i];
        if (strchr(pattern, '/') == NULL ? glob_component_matches(pattern, name)
                                         : path_matches(pattern, path)) {
            return true;
        }
    }
    return false;
}

// The states behind the directories of `path`, which begins with base `index`; `rest` is where the
// path goes on behind the base, and then behind its last slash. NULL when nothing there can match.
// The path is written to, and left as it was.
static uint64_t *enter_directories(const struct glob *glob, size_t index, char *path, size_t *rest)
{
    size_t words = glob_state_words(glob);
    uint64_t *states = xcalloc(words, sizeof *states);
    glob_start(glob, index, states);
    char *slash;
    while (states != NULL && (slash = strchr(path + *rest, '/')) != NULL) {
        uint64_t *next = xcalloc(words, sizeof *next);
        *slash = '\0';
        bool enters =
            glob_enter(glob, states, path + *rest, false, next) && !glob_excluded(glob, path);
        *slash = '/';
        *rest = (size_t)(slash - path) + 1;
        free(states);
        states = next;
        if (!enters) {
            free(states);
            states = NULL;
        }
    }
    return states;
}

// Whether a state of the set can match a file.
static bool has_last(const struct glob *glob, const uint64_t *states)
{
    FOR_EACH_STATE(glob, states, state)
    {
        if (glob->components[state].last) {
            return true;
        }
    }
    return false;
}

// Whether a path matches; when it ends in a slash, whether a file in that directory can.
static bool leads_to_match(const struct glob *glob, char *path)
{
    bool matches = false;
    for (size_t i = 0; i < glob->base_count && !matches; i++) {
        const char *base = glob->bases[i];
        size_t size = strlen(base);
        bool slash_ends = size > 0 && base[size - 1] == '/';
        if (strncmp(path, base, size) != 0 || !(slash_ends || path[size] == '/')) {
            continue;
        }
        size_t rest = slash_ends ? size : size + 1;
        uint64_t *states = enter_directories(glob, i, path, &rest);
        matches = states != NULL && (path[rest] == '\0' ? has_last(glob, states)
                                                        : glob_matches(glob, states, path + rest));
        free(states);
    }
    return matches;
}

bool glob_matches_path(const struct glob *glob, const char *path)
{
    char *copy = xstrdup(path);
    bool matches = leads_to_match(glob, copy);
    free(copy);
    return matches && !glob_excluded(glob, path);
}

bool glob_matches_below(const struct glob *glob, const char *dir)
{
    size_t size = strlen(dir);
    char *path = xasprintf("%s%s", dir, size > 0 && dir[size - 1] == '/' ? "" : "/");
    bool matches = leads_to_match(glob, path);
    free(path);
    return matches;
}
