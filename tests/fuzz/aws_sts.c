// Answers of the Security Token Service: whole keys with a time, or a sentence why there are none.
#include "aws/sts.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int status = 200; status <= 400; status += 200) {
        struct credentials_lookup lookup = {0};
        int error = sts_parse_answer(slice_of(data, size), status, &lookup);
        ASSERT((error == 0) == (lookup.why[0] == '\0'));
        ASSERT((error == 0) == (lookup.keys.access_key_id != NULL));
        ASSERT(error != 0 || (status == 200 && lookup.keys.session_token[0] != '\0'));
        credentials_deinit(&lookup.keys);
    }
    return 0;
}
