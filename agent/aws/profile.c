#include "aws/profile.h"

#include <strings.h>

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && is_space(text.data[0])) {
        text = slice_skip(text, 1);
    }
    while (text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

// Takes the next line off `rest`, without its newline.
static struct slice take_line(struct slice *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    size_t length = end == NULL ? rest->size : (size_t)(end - rest->data);
    struct slice line = slice_of(rest->data, length);
    *rest = slice_skip(*rest, end == NULL ? length : length + 1);
    return line;
}

static struct slice find_byte(struct slice text, char byte)
{
    const uint8_t *at = text.size == 0 ? NULL : memchr(text.data, byte, text.size);
    return at == NULL ? slice_of(NULL, 0) : slice_skip(text, (size_t)(at - text.data));
}

// A name with white space stands in quotes.
static struct slice without_quotes(struct slice name)
{
    bool quoted = name.size >= 2 && (name.data[0] == '"' || name.data[0] == '\'') &&
                  name.data[name.size - 1] == name.data[0];
    return quoted ? slice_of(name.data + 1, name.size - 2) : name;
}

// Whether "[...]" opens the section of this profile. A comment may stand behind the bracket.
static bool opens_profile(struct slice line, enum profile_file kind, const char *profile)
{
    struct slice end = find_byte(line, ']');
    if (end.size == 0) {
        return false;
    }
    struct slice name = trim(slice_of(line.data + 1, line.size - end.size - 1));
    static const char prefix[] = "profile";
    size_t prefix_size = sizeof prefix - 1;
    if (kind == PROFILE_CONFIG && name.size > prefix_size && is_space(name.data[prefix_size]) &&
        memcmp(name.data, prefix, prefix_size) == 0) {
        name = without_quotes(trim(slice_skip(name, prefix_size)));
    } else if (kind == PROFILE_CONFIG && strcmp(profile, "default") != 0) {
        return false;
    }
    return slice_equal_text(name, profile);
}

static bool is_comment(struct slice line)
{
    return line.size == 0 || line.data[0] == '#' || line.data[0] == ';';
}

// A comment behind a value needs white space in front of it.
static struct slice without_comment(struct slice value)
{
    for (size_t i = 1; i < value.size; i++) {
        if ((value.data[i] == '#' || value.data[i] == ';') && is_space(value.data[i - 1])) {
            value.size = i;
        }
    }
    return trim(value);
}

struct walk {
    struct slice rest;
    bool inside; // the profile that was asked for
    bool seen;
};

static struct walk walk_of(struct slice text)
{
    struct slice mark = slice_of_text("\xef\xbb\xbf"); // some editors put it in front of UTF-8
    return (struct walk){.rest =
                             slice_starts_with(text, mark) ? slice_skip(text, mark.size) : text};
}

// The next "key = value" line of the profile, or an empty slice.
static struct slice next_property(struct walk *walk, enum profile_file kind, const char *profile)
{
    while (walk->rest.size > 0) {
        struct slice line = take_line(&walk->rest);
        bool indented = line.size > 0 && is_space(line.data[0]);
        line = trim(line);
        if (is_comment(line)) {
            continue;
        }
        if (line.data[0] == '[' && !indented) {
            walk->inside = opens_profile(line, kind, profile);
            walk->seen = walk->seen || walk->inside;
        } else if (walk->inside && !indented && find_byte(line, '=').size > 0) {
            return line;
        }
    }
    return slice_of(NULL, 0);
}

bool profile_exists(struct slice text, enum profile_file kind, const char *profile)
{
    struct walk walk = walk_of(text);
    while (!walk.seen && next_property(&walk, kind, profile).size > 0) {
    }
    return walk.seen;
}

struct slice profile_get(struct slice text, enum profile_file kind, const char *profile,
                         const char *key)
{
    struct walk walk = walk_of(text);
    struct slice value = slice_of(NULL, 0);
    struct slice line;
    while ((line = next_property(&walk, kind, profile)).size > 0) {
        struct slice equals = find_byte(line, '=');
        struct slice name = trim(slice_of(line.data, line.size - equals.size));
        if (name.size == strlen(key) && strncasecmp((const char *)name.data, key, name.size) == 0) {
            value = without_comment(trim(slice_skip(equals, 1)));
        }
    }
    return value;
}
