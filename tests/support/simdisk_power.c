// What a loss of power leaves, and what other programs do to files.
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "support/simdisk_state.h"

// ---- loss of power ----

enum survival { SURVIVE_NONE, SURVIVE_ALL, SURVIVE_FIRST, SURVIVE_ANY };

static enum survival any_survival(struct simdisk *disk)
{
    return (enum survival)prng_below(&disk->prng, SURVIVE_ANY + 1);
}

// Brings the dirty sectors in front of a random one to the platter.
static void write_first(struct simdisk *disk, struct inode *inode, size_t unit)
{
    size_t per_unit = unit / SECTOR;
    size_t units = (size_t)prng_below(&disk->prng, inode->dirty_count / per_unit + 2);
    for (size_t i = 0; i < sim_smaller(units * per_unit, inode->dirty_count); i++) {
        if (inode->dirty[i]) {
            sim_write_sector(inode, i);
        }
    }
}

static void settle_content(struct simdisk *disk, struct inode *inode)
{
    enum survival survival = any_survival(disk);
    size_t unit = sim_one_in(disk, 2) ? SECTOR : PAGE;
    if (survival == SURVIVE_ALL) {
        sim_write_all(inode);
    } else if (survival == SURVIVE_FIRST) {
        write_first(disk, inode, unit);
    } else if (survival == SURVIVE_ANY) {
        sim_write_some(disk, inode, unit, 2 + prng_below(&disk->prng, 3));
        if (inode->cache.size > inode->platter.size && sim_one_in(disk, 2)) {
            sim_content_resize(&inode->platter, inode->cache.size);
        }
    }
    sim_content_copy(&inode->cache, &inode->platter);
    inode->dirty_count = 0;
}

static void settle_changes(struct simdisk *disk)
{
    enum survival survival = any_survival(disk);
    size_t first = (size_t)prng_below(&disk->prng, disk->change_count + 1);
    for (size_t i = 0; i < disk->change_count; i++) {
        bool survives = survival == SURVIVE_ALL || (survival == SURVIVE_FIRST && i < first) ||
                        (survival == SURVIVE_ANY && sim_one_in(disk, 2));
        if (survives) {
            sim_change_apply(&disk->platter, &disk->changes[i]);
        }
    }
    while (disk->change_count > 0) {
        sim_change_forget(disk, disk->change_count - 1);
    }
    for (size_t i = 0; i < disk->platter.count;) {
        if (sim_has_parent(&disk->platter, disk->platter.entries[i].path)) {
            i++;
        } else {
            sim_tree_remove(&disk->platter, &disk->platter.entries[i]);
            i = 0;
        }
    }
}

void simdisk_lose_power(struct simdisk *disk)
{
    simdisk_restart(disk);
    disk->boots++;
    settle_changes(disk);
    sim_tree_clear(&disk->cache);
    for (size_t i = 0; i < disk->platter.count; i++) {
        const struct entry *entry = &disk->platter.entries[i];
        settle_content(disk, entry->inode);
        sim_tree_set(&disk->cache, entry->path, entry->inode);
    }
}

// ---- what other programs do ----

static struct inode *file_at(const struct simdisk *disk, const char *path)
{
    struct inode *inode = sim_find(disk, path);
    ASSERT(inode != NULL && !inode->is_directory);
    return inode;
}

size_t simdisk_size(const struct simdisk *disk, const char *path)
{
    return file_at(disk, path)->cache.size;
}

bool simdisk_exists(const struct simdisk *disk, const char *path)
{
    return sim_find(disk, path) != NULL;
}

void simdisk_cut(struct simdisk *disk, const char *path, size_t size)
{
    struct inode *inode = file_at(disk, path);
    sim_content_resize(&inode->cache, size);
    inode->dirty_count = 0;
    sim_content_copy(&inode->platter, &inode->cache);
}

void simdisk_flip(struct simdisk *disk, const char *path, size_t offset, uint8_t bits)
{
    struct inode *inode = file_at(disk, path);
    ASSERT(offset < inode->cache.size);
    inode->cache.data[offset] ^= bits;
    if (offset < inode->platter.size) {
        inode->platter.data[offset] ^= bits;
    }
}

void simdisk_write_file(struct simdisk *disk, const char *path, const void *data, size_t size)
{
    struct inode *inode = sim_inode_create(disk, false);
    sim_content_resize(&inode->cache, size);
    if (size > 0) {
        memcpy(inode->cache.data, data, size);
    }
    sim_content_copy(&inode->platter, &inode->cache);
    sim_tree_set(&disk->cache, path, inode);
    sim_tree_set(&disk->platter, path, inode);
}

uint64_t simdisk_used(const struct simdisk *disk)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < disk->cache.count; i++) {
        bytes += disk->cache.entries[i].inode->cache.size;
    }
    return bytes;
}

size_t simdisk_open_count(const struct simdisk *disk)
{
    size_t count = 0;
    for (size_t i = 0; i < OPEN_MAX; i++) {
        count += disk->open[i] != NULL ? 1 : 0;
    }
    return count;
}
