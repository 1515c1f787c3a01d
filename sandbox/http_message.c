#include "sandbox/http_message.h"

#include <strings.h>

struct slice http_header(const struct http_request *request, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < request->header_count; i++) {
        struct slice found = request->headers[i].name;
        if (found.size == size && strncasecmp((const char *)found.data, name, size) == 0) {
            return request->headers[i].value;
        }
    }
    return (struct slice){0};
}
