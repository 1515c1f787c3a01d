#include "config/setting_path.h"

#include <stdio.h>

#include "base/compiler.h"

enum { LINKS_MAX = 32 };

void setting_path_text(const struct setting_path *path, char text[SETTING_PATH_MAX])
{
    const struct setting_path *links[LINKS_MAX] = {NULL};
    size_t count = 0;
    for (; path != NULL && count < ARRAY_COUNT(links); path = path->parent) {
        links[count++] = path;
    }
    size_t size = 0;
    text[0] = '\0';
    while (count-- > 0 && size < SETTING_PATH_MAX) {
        const struct setting_path *link = links[count];
        int length = link->name == NULL
                         ? snprintf(text + size, SETTING_PATH_MAX - size, "[%zu]", link->index)
                         : snprintf(text + size, SETTING_PATH_MAX - size, "%s%.100s",
                                    size == 0 ? "" : ".", link->name);
        size += length < 0 ? 0 : (size_t)length;
    }
}
