// A token bucket: `rate` tokens arrive a second, at most `capacity` are kept. The balance may go
// negative (a debt) when the caller takes more than there is.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
    double tokens;
    double rate;
    double capacity;
    uint64_t filled_ns; // monotonic
};

// A full bucket.
struct bucket bucket_of(double rate, double capacity, uint64_t now_ns);
// Changes the rate; what is in the bucket is cut to the new capacity.
void bucket_set_rate(struct bucket *bucket, double rate, double capacity, uint64_t now_ns);
void bucket_fill(struct bucket *bucket, uint64_t now_ns);
// Whether `amount` may be taken now: there is that much, or the bucket is full. Fill first.
bool bucket_admits(const struct bucket *bucket, double amount);
void bucket_take(struct bucket *bucket, double amount);
// Fills, and takes when there is enough.
bool bucket_try(struct bucket *bucket, double amount, uint64_t now_ns);
