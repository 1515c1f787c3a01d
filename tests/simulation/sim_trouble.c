// What goes wrong with the disk, the process and the machine.
#include <errno.h>

#include "base/clock.h"
#include "base/error.h"
#include "simulation/sim.h"

enum sim_end sim_any_death(struct sim *sim)
{
    return sim->keeps_power || sim_one_in(sim, 2) ? END_KILLED : END_POWER;
}

static void fail_calls(struct sim *sim)
{
    static const char *const calls[] = {"pwrite", "pread",     "open",  "unlink",   "rename",
                                        "list",   "ftruncate", "fstat", "sync_dir", "fdatasync",
                                        "stat",   "mkdir",     "lock",  "allocate", "free_bytes"};
    static const int errors[] = {-EIO, -ENOSPC, -EDQUOT, -EINTR};
    const char *call = calls[sim_below(sim, ARRAY_COUNT(calls))];
    int error = errors[sim_below(sim, ARRAY_COUNT(errors))];
    uint64_t nth = 1 + sim_below(sim, 3);
    uint64_t count = 1 + sim_below(sim, 3);
    sim_trace(sim, "disk", "%s will fail: %s, %llu times from call %llu on", call,
              error_text(error), (unsigned long long)count, (unsigned long long)nth);
    fault_io_heal(&sim->fault);
    fault_io_fail(&sim->fault, call, nth, count, error);
}

// Where logs are copied too, what looks at them does not fail: see README.md.
static void fail_logs(struct sim *sim)
{
    static const char *const calls[] = {"notify_read", "notify_add", "list", "pread",
                                        "open",        "fstat",      "stat"};
    enum { CALLS_OF_EVENTS = 2 };
    static const int errors[] = {-EIO, -EINTR, -EACCES, -ENOMEM, -EMFILE};
    fault_io_heal(&sim->log_fault);
    if (sim_one_in(sim, 3)) {
        uint64_t bytes = 1 + sim_below(sim, 200);
        sim_trace(sim, "logs", "are read %llu bytes at a time", (unsigned long long)bytes);
        fault_io_shorten(&sim->log_fault, "pread", 1, UINT64_MAX, (size_t)bytes);
        return;
    }
    size_t count_of_calls = sim->never_copies ? ARRAY_COUNT(calls) : CALLS_OF_EVENTS;
    const char *call = calls[sim_below(sim, count_of_calls)];
    int error = errors[sim_below(sim, ARRAY_COUNT(errors))];
    uint64_t nth = 1 + sim_below(sim, 5);
    uint64_t count = 1 + sim_below(sim, 5);
    sim_trace(sim, "logs", "%s will fail: %s, %llu times from call %llu on", call,
              error_text(error), (unsigned long long)count, (unsigned long long)nth);
    fault_io_fail(&sim->log_fault, call, nth, count, error);
}

static void make_read_only(struct sim *sim)
{
    static const char *const calls[] = {"pwrite", "ftruncate", "fdatasync", "sync_dir",
                                        "rename", "unlink",    "mkdir"};
    sim_trace(sim, "disk", "can only be read");
    fault_io_heal(&sim->fault);
    for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
        fault_io_fail(&sim->fault, calls[i], 1, UINT64_MAX, -EROFS);
    }
}

static void shorten(struct sim *sim)
{
    uint64_t bytes = 1 + sim_below(sim, 3000);
    sim_trace(sim, "disk", "moves at most %llu bytes", (unsigned long long)bytes);
    fault_io_heal(&sim->fault);
    fault_io_shorten(&sim->fault, FAULT_ANY, 1, UINT64_MAX, (size_t)bytes);
}

static void fill_disk(struct sim *sim)
{
    uint64_t left = sim_below(sim, 65536);
    sim_trace(sim, "disk", "has %llu bytes left", (unsigned long long)left);
    simdisk_set_capacity(sim->disk, simdisk_used(sim->disk) + left);
}

static void fail_sync(struct sim *sim)
{
    unsigned nth = 1 + (unsigned)sim_below(sim, 3);
    sim_trace(sim, "disk", "fails sync %u from now", nth);
    simdisk_fail_sync(sim->disk, nth);
}

static void die_soon(struct sim *sim)
{
    uint64_t nth = 1 + sim_below(sim, 12);
    sim_trace(sim, "agent", "will die in change %llu", (unsigned long long)nth);
    simdisk_stop_after(sim->disk, nth);
}

// Backwards too; files get the same time.
static void set_clock(struct sim *sim)
{
    enum { AHEAD_S_MAX = 80000 };
    int64_t ahead_s = (int64_t)sim_below(sim, 100000);
    ahead_s =
        sim->never_copies ? 50000 - ahead_s : sim->io.real_ahead_ns / (int64_t)NS_PER_S + ahead_s;
    // What was deleted is known for a day.
    ahead_s = ahead_s > AHEAD_S_MAX ? AHEAD_S_MAX : ahead_s;
    sim_trace(sim, "clock", "is set to be ahead by %lld s", (long long)ahead_s);
    int64_t ahead_ns = ahead_s * (int64_t)NS_PER_S;
    simfs_advance_ns(sim->files, (uint64_t)(ahead_ns - sim->io.real_ahead_ns));
    sim->io.real_ahead_ns = ahead_ns;
    sim->clock_was_set = true;
}

static void slow_shard(struct sim *sim)
{
    unsigned shard = (unsigned)sim_below(sim, SIM_SHARDS);
    uint64_t seconds = 1 + sim_below(sim, 30);
    sim_trace(sim, "service", "shard %u takes nothing for %llu s", shard,
              (unsigned long long)seconds);
    sim->slow_until_ns[shard] = sim_now(sim) + seconds * NS_PER_S;
}

static void trouble_service(struct sim *sim)
{
    switch (sim_below(sim, 5)) {
    case 0:
        sim_trace(sim, "service", "the keys expire");
        sim->keys_expired = true;
        break;
    case 1:
        set_clock(sim);
        break;
    case 2:
        sim_trace(sim, "service", "the stream is gone");
        sim->stream_missing = true;
        break;
    case 3:
        slow_shard(sim);
        break;
    default:
        sim->service_ahead_s = (int64_t)sim_below(sim, 7200) - 3600;
        sim_trace(sim, "service", "its clock is ahead by %lld s", (long long)sim->service_ahead_s);
    }
}

void sim_trouble_step(struct sim *sim)
{
    sim->troubled = true;
    switch (sim_below(sim, 12)) {
    case 0:
    case 1:
    case 2:
        die_soon(sim);
        break;
    case 3:
        fail_sync(sim);
        break;
    case 4:
        fill_disk(sim);
        break;
    case 5:
        shorten(sim);
        break;
    case 6:
        if (sim_one_in(sim, 3)) {
            make_read_only(sim);
        }
        break;
    case 7:
        trouble_service(sim);
        break;
    case 11:
        fail_logs(sim);
        break;
    case 8:
        simdisk_drop_caches(sim->disk);
        break;
    default:
        fail_calls(sim);
    }
}

void sim_trouble_end(struct sim *sim)
{
    if (sim->troubled) {
        sim_trace(sim, "world", "disk, logs and stream are well again");
    }
    sim->troubled = false;
    fault_io_heal(&sim->fault);
    fault_io_heal(&sim->log_fault);
    sim->stream_missing = false;
    simdisk_set_capacity(sim->disk, UINT64_MAX);
    simdisk_fail_sync(sim->disk, 0);
}

void sim_end_agent(struct sim *sim)
{
    if (!sim->running) {
        return;
    }
    sim_agent_end(sim, sim_one_in(sim, 3) ? END_CLOSED : sim_any_death(sim));
    if (sim_one_in(sim, 3)) {
        die_soon(sim); // while it recovers
    }
}
