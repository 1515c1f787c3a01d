// How the directories are watched, for the log and for status.
#include "base/log.h"
#include "source/state.h"

// Once when it begins, and once when it is over, however many directories it is about.
static void say(enum tree_blindness blindness, bool blind)
{
    switch (blindness) {
    case TREE_NO_INSTANCES:
        if (blind) {
            log_warning(
                "no inotify instance left (fs.inotify.max_user_instances); files are polled");
        } else {
            log_notice("there is an inotify instance again; files are watched");
        }
        break;
    case TREE_NO_WATCHES:
        if (blind) {
            log_warning("no inotify watches left (fs.inotify.max_user_watches); files are polled");
        } else {
            log_notice("there are enough inotify watches again; files are watched");
        }
        break;
    case TREE_NETWORK:
        if (blind) {
            log_notice("files on a network filesystem are polled");
        }
        break;
    case TREE_REFUSED: // each of them is listed by status, with its files
    case TREE_SEES:
    case TREE_BLINDNESS_COUNT:
        break;
    }
}

void watching_tell(struct source *source)
{
    static const enum stat_id stats[TREE_BLINDNESS_COUNT] = {
        [TREE_SEES] = STAT_SOURCE_DIRS_WATCHED,
        [TREE_NO_INSTANCES] = STAT_SOURCE_DIRS_NO_INSTANCE,
        [TREE_NO_WATCHES] = STAT_SOURCE_DIRS_NO_WATCH,
        [TREE_NETWORK] = STAT_SOURCE_DIRS_NETWORK,
        [TREE_REFUSED] = STAT_SOURCE_DIRS_REFUSED,
    };
    for (unsigned i = 0; i < TREE_BLINDNESS_COUNT; i++) {
        size_t count = tree_dir_count(source->tree, i);
        if (source->said_blind[i] != (count > 0)) {
            source->said_blind[i] = count > 0;
            say(i, count > 0);
        }
        stats_set(source->stats, stats[i], count);
    }
    uint64_t overflows = tree_overflow_count(source->tree);
    if (source->said_overflows != overflows) {
        source->said_overflows = overflows;
        log_notice("the inotify queue overflowed; all files are looked at again");
    }
}
