// What only time decides: when a file that is gone is given up, when an end is proven, and when
// what is past is forgotten.
#include "source/archive.h"
#include "source/state.h"

static void give_up(struct source *source, struct source_file *file)
{
    uint64_t unread = extent_lag(file);
    // What was held as a copy of another one is in that one.
    bool copied =
        file->work->alike_id != 0 && file->work->alike_bytes == file->generation.size_seen;
    if ((unread > 0 || file->unwatched) && !copied) {
        bool exact = !file->away && !archive_is_unknown(file);
        tell_lost(source, file, unread,
                  unread == 0 ? LOSS_PERHAPS
                  : exact     ? LOSS_EXACT
                              : LOSS_AT_LEAST);
    }
    extent_drop_unread(source, file);
    if (unread > 0 || file->unwatched) {
        life_announce(source, file); // so that it is not lost once more after a restart
    }
    life_end(source, file);
}

static bool is_due(const struct source *source, const struct source_file *file, uint64_t wait_ms)
{
    return file->quiet_ns + wait_ms * NS_PER_MS <= source->now_ns;
}

uint64_t settle_orphan_ns(const struct source *source, const struct source_file *file)
{
    bool quiet = !tree_pending(source->tree) && ring_empty(&source->unjudged);
    if (quiet && archive_is_awaited(source, file)) {
        return source->now_ns + ORPHAN_MS * NS_PER_MS;
    }
    if (quiet && file->cut) {
        return file->aged ? 0 : source->now_ns;
    }
    return file->quiet_ns + (quiet ? ORPHAN_MS : ORPHAN_MS_MAX) * NS_PER_MS;
}

// An orphan is given up when everything that was there was looked at without finding a copy. What
// cannot be looked at may be waiting for a descriptor of what waits for the orphan.
static void give_up_orphans(struct source *source)
{
    struct link *link = source->orphans.next;
    while (link != &source->orphans) {
        struct source_file *file = LINK_ENTRY(link, struct source_file, waiting);
        link = link->next;
        if (file->aged && settle_orphan_ns(source, file) <= source->now_ns) {
            give_up(source, file);
        } else {
            file->aged = true;
        }
    }
}

// How long a file must be quiet before its end is taken as proven. Where others wait for its
// descriptor it is not waited for so long.
static uint64_t proof_ms(const struct source *source)
{
    uint64_t wait_ms = source->config->close_after_ms;
    bool wanted = source->open_count >= source->open_max &&
                  !(ring_empty(&source->starving) && ring_empty(&source->unjudged));
    return wanted && wait_ms > WANTED_MS ? WANTED_MS : wait_ms;
}

static void settle_departing(struct source *source)
{
    uint64_t wait_ms = proof_ms(source);
    while (!ring_empty(&source->departing)) {
        struct source_file *file = LINK_ENTRY(source->departing.next, struct source_file, waiting);
        if (!is_due(source, file, wait_ms)) {
            return;
        }
        file->quiet_ns = source->now_ns;
        ring_append(&source->departing, &file->waiting);
        struct file_stat stat;
        bool grown = file->fd >= 0 && source->io->fstat(source->io, file->fd, &stat) == 0
                         ? archive_content_size(file, &stat) != file->read_position
                         : extent_lag(file) > 0;
        if (archive_is_seeking(source, file) || link_in_ring(&file->work->ready) ||
            file->work->older != NULL || grown) {
            life_ready(source, file);
        } else {
            archive_report(source, file);
            life_end(source, file);
        }
    }
}

void settle(struct source *source)
{
    give_up_orphans(source);
    settle_departing(source);
    uint64_t real_s = source->io->real_ns(source->io) / NS_PER_S;
    while (!ring_empty(&source->past)) {
        struct source_file *file = LINK_ENTRY(source->past.next, struct source_file, waiting);
        if (file->generation.seen_s + PAST_S > real_s) {
            break;
        }
        source->past_count--;
        life_forget(source, file);
    }
}
