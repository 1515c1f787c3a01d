// Documents of the metadata services: whole keys with a time, or a sentence why there are none.
#include "aws/credentials_provider.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct credentials_lookup lookup = {0};
    int error = credentials_parse_document(slice_of(data, size), &lookup);
    ASSERT((error == 0) == (lookup.why[0] == '\0'));
    if (error == 0) {
        ASSERT(lookup.keys.access_key_id[0] != '\0' && lookup.keys.secret_access_key[0] != '\0');
        ASSERT(lookup.keys.session_token == NULL || lookup.keys.session_token[0] != '\0');
        credentials_deinit(&lookup.keys);
    }
    return 0;
}
