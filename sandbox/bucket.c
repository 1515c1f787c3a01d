#include "sandbox/bucket.h"

#include "base/clock.h"

struct bucket bucket_of(double rate, double capacity, uint64_t now_ns)
{
    return (struct bucket){
        .tokens = capacity, .rate = rate, .capacity = capacity, .filled_ns = now_ns};
}

void bucket_fill(struct bucket *bucket, uint64_t now_ns)
{
    if (now_ns <= bucket->filled_ns) {
        return;
    }
    double seconds = (double)(now_ns - bucket->filled_ns) / (double)NS_PER_S;
    bucket->filled_ns = now_ns;
    bucket->tokens += seconds * bucket->rate;
    if (bucket->tokens > bucket->capacity) {
        bucket->tokens = bucket->capacity;
    }
}

void bucket_set_rate(struct bucket *bucket, double rate, double capacity, uint64_t now_ns)
{
    bucket_fill(bucket, now_ns);
    bucket->rate = rate;
    bucket->capacity = capacity;
    if (bucket->tokens > capacity) {
        bucket->tokens = capacity;
    }
}

bool bucket_admits(const struct bucket *bucket, double amount)
{
    return bucket->tokens >= amount || bucket->tokens >= bucket->capacity;
}

void bucket_take(struct bucket *bucket, double amount)
{
    bucket->tokens -= amount;
}

bool bucket_try(struct bucket *bucket, double amount, uint64_t now_ns)
{
    bucket_fill(bucket, now_ns);
    if (!bucket_admits(bucket, amount)) {
        return false;
    }
    bucket_take(bucket, amount);
    return true;
}
