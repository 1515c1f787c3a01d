#include "source/identity.h"

bool identity_same_inode(const struct inode_facts *facts)
{
    bool births = facts->known_birth_ns != 0 && facts->birth_ns != 0;
    if (!facts->same_inode || (births && facts->known_birth_ns != facts->birth_ns)) {
        return false;
    }
    if (facts->same_boot) {
        return facts->same_device;
    }
    return births || facts->same_path;
}

bool identity_goes_on(const struct life_facts *facts)
{
    return facts->size >= facts->position && facts->head != MATCH_DIFFERENT &&
           facts->tail != MATCH_DIFFERENT;
}

enum copy_verdict identity_copy(const struct copy_facts *facts)
{
    if (facts->head == MATCH_DIFFERENT || facts->tail == MATCH_DIFFERENT ||
        facts->born_after_the_end) {
        return COPY_NOT;
    }
    if (facts->beside) {
        return facts->all_read ? COPY_READ : COPY_BESIDE;
    }
    if (!facts->original_gone) {
        return facts->quiet ? COPY_NOT : COPY_PERHAPS;
    }
    // The original is truncated or removed only when its copy is complete, so what does not reach
    // its position now never will.
    bool alike = facts->head == MATCH_EQUAL || facts->was_prefix;
    if (alike && facts->tail == MATCH_EQUAL) {
        return COPY_CONTINUES;
    }
    return facts->was_prefix ? COPY_READ : COPY_NOT;
}
