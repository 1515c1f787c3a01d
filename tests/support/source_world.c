#include "support/source_world.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"

struct source_world *source_world_create(const char *pattern)
{
    struct source_world *world = xcalloc(1, sizeof *world);
    world->fs = simfs_create();
    fault_io_init(&world->fault, simfs_io(world->fs));
    simfs_set_births(world->fs, true);
    simfs_mkdir(world->fs, "/d");
    world->files[0] = xstrdup(pattern);
    world->config = (struct source_config){
        .files = {.items = world->files, .count = 1},
        .start_at = START_AT_BEGINNING,
        .poll_interval_ms = 1000,
        .close_after_ms = 60000,
        .open_files_max = 100,
    };
    world->owner = owner_create(&world->fault.io, &world->config, false);
    simfs_advance_ns(world->fs, 10 * NS_PER_S);
    return world;
}

static void discard(struct source_world *world)
{
    owner_free(world->owner);
    fault_io_deinit(&world->fault);
    simfs_free(world->fs);
    free(world->files[0]);
    free(world);
}

void source_world_free(struct source_world *world)
{
    ck_assert_msg(owner_failure(world->owner) == NULL, "%s", owner_failure(world->owner));
    discard(world);
}

void source_world_free_failed(struct source_world *world, const char *failure)
{
    ck_assert_ptr_nonnull(owner_failure(world->owner));
    ck_assert_str_eq(owner_failure(world->owner), failure);
    discard(world);
}

void source_world_append(struct source_world *world, const char *path, const char *text)
{
    simfs_append(world->fs, path, text, strlen(text));
}

void source_world_write(struct source_world *world, const char *path, unsigned from, unsigned to)
{
    struct buf text;
    buf_init(&text, SIZE_MAX);
    for (unsigned id = from; id <= to; id++) {
        buf_appendf(&text, "L%05u some text, %05u;\n", id, id * 7919 % 10007);
    }
    simfs_append(world->fs, path, text.data, text.size);
    buf_deinit(&text);
}

void source_world_read(struct source_world *world)
{
    owner_drain(world->owner);
    owner_commit(world->owner);
}

void source_world_pass_s(struct source_world *world, uint64_t seconds)
{
    simfs_advance_ns(world->fs, seconds * NS_PER_S);
}

void source_world_read_for_s(struct source_world *world, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        source_world_read(world);
        source_world_pass_s(world, 1);
    }
    source_world_read(world);
}

void source_world_stop(struct source_world *world)
{
    owner_commit(world->owner);
    owner_stop(world->owner);
    source_world_pass_s(world, 2);
}

void source_world_reboot(struct source_world *world, uint64_t device)
{
    source_world_stop(world);
    owner_reboot(world->owner);
    simfs_set_device(world->fs, device);
}

void source_world_check(const struct source_world *world, unsigned from, unsigned to,
                        unsigned times)
{
    for (unsigned id = from; id <= to; id++) {
        ck_assert_msg(owner_times_read(world->owner, id) == times, "line %u was read %u times", id,
                      owner_times_read(world->owner, id));
    }
}

void source_world_check_state(const struct source_world *world, const char *path, const char *state)
{
    char *found = owner_state_of(world->owner, path);
    ck_assert_ptr_nonnull(found);
    ck_assert_msg(strncmp(found, state, strlen(state)) == 0, "%s: %s", path, found);
    free(found);
}
