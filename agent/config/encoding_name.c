#include "config/encoding_name.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"
#include "config/nearest.h"

static const char *const common[] = {
    "utf-8",        "utf-16",       "utf-16le",     "utf-16be",     "utf-32",       "utf-32le",
    "utf-32be",     "latin1",       "latin2",       "latin9",       "us-ascii",     "iso-8859-1",
    "iso-8859-2",   "iso-8859-3",   "iso-8859-4",   "iso-8859-5",   "iso-8859-6",   "iso-8859-7",
    "iso-8859-8",   "iso-8859-9",   "iso-8859-10",  "iso-8859-13",  "iso-8859-14",  "iso-8859-15",
    "iso-8859-16",  "windows-1250", "windows-1251", "windows-1252", "windows-1253", "windows-1254",
    "windows-1255", "windows-1256", "windows-1257", "windows-1258", "cp437",        "cp850",
    "cp852",        "cp866",        "cp932",        "cp936",        "cp949",        "cp1250",
    "cp1251",       "cp1252",       "ibm037",       "koi8-r",       "koi8-u",       "macintosh",
    "shift_jis",    "euc-jp",       "euc-kr",       "gbk",          "gb2312",       "gb18030",
    "big5",         "tis-620",
};

static char skip_to_letter(const char **name)
{
    while (**name == '-' || **name == '_') {
        (*name)++;
    }
    return (char)tolower((unsigned char)**name);
}

static bool equal(const char *a, const char *b)
{
    for (;; a++, b++) {
        char letter = skip_to_letter(&a);
        if (letter != skip_to_letter(&b)) {
            return false;
        }
        if (letter == '\0') {
            return true;
        }
    }
}

bool encoding_name_is_utf8(const char *name)
{
    return equal(name, "utf-8");
}

const struct encoding_orders *encoding_name_orders(const char *name)
{
    static const struct encoding_orders utf16 = {"UTF-16LE", "UTF-16BE", 0xfe};
    static const struct encoding_orders utf32 = {"UTF-32LE", "UTF-32BE", 0x00};
    return equal(name, "utf-16") ? &utf16 : equal(name, "utf-32") ? &utf32 : NULL;
}

bool encoding_name_is_common(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(common); i++) {
        if (strcasecmp(name, common[i]) == 0) {
            return true;
        }
    }
    return false;
}

const char *encoding_name_meant_by(const char *name)
{
    char lower[NEAREST_WORD_MAX + 1] = "";
    for (size_t i = 0; i < NEAREST_WORD_MAX && name[i] != '\0'; i++) {
        lower[i] = (char)tolower((unsigned char)name[i]);
    }
    struct nearest nearest = {.word = lower};
    for (size_t i = 0; i < ARRAY_COUNT(common); i++) {
        nearest_offer(&nearest, common[i]);
    }
    return nearest.best;
}
