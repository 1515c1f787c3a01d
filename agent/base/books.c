#include "base/books.h"

bool books_balance(const struct books *books)
{
    const struct tally *parts[] = {&books->filtered, &books->acknowledged, &books->dead_lettered,
                                   &books->dropped,  &books->damaged,      &books->queued};
    struct tally sum = {0};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        sum.records += parts[i]->records;
        sum.bytes += parts[i]->bytes;
    }
    return sum.records == books->read.records && sum.bytes == books->read.bytes;
}
