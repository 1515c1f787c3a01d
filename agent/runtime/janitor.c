#include "runtime/janitor.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "runtime/leaver.h"
#include "source/glob.h"

enum {
    TICK_MS = 1000,
    TICK_MS_SOON = 100, // while a checkpoint is waited for
    RETRY_S_MAX = 300,
    RETRY_DOUBLINGS = 8,
};

struct leaver_list {
    struct leaver *items;
    size_t count;
    size_t capacity;
};

struct janitor {
    struct io *io;
    struct flow **flows;
    size_t flow_count;
    struct leaver_list *leavers; // for each flow
    struct glob **globs;         // likewise
    bool *deaf;                  // flows that did not answer in this round
    uint64_t now_ns;
    bool soon; // something may be done before the next tick
    pthread_t thread;
    pthread_mutex_t lock; // of the rest
    pthread_cond_t told;
    bool stop;
};

// What is done with a file that was looked at.
enum outcome { OUTCOME_FORGET, OUTCOME_WAIT, OUTCOME_ACT };

// A file that is being looked at.
struct subject {
    struct flow *flow;
    struct leaver *leaver;
    struct generation generation; // path owned
    bool compressed;
    char note[SHELF_NOTE_BYTES]; // why it waits, or ""
};

PRINTF_LIKE(2, 3)
static enum outcome wait_because(struct subject *subject, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(subject->note, sizeof subject->note, format, args);
    va_end(args);
    return OUTCOME_WAIT;
}

static enum outcome failed(const struct janitor *janitor, struct subject *subject, int error)
{
    struct leaver *leaver = subject->leaver;
    const struct after_ship_config *config = &flow_config_of(subject->flow)->after_ship;
    const char *reason = error == -EXDEV     ? "the directory is on another filesystem"
                         : error == -ENOTDIR ? "the directory to move it to is not there"
                                             : error_text(error);
    const char *what = config->action == AFTER_SHIP_MOVE ? "move" : "delete";
    unsigned doublings = leaver->failures < RETRY_DOUBLINGS ? leaver->failures : RETRY_DOUBLINGS;
    uint64_t retry_s = (uint64_t)1 << doublings;
    leaver->retry_ns = janitor->now_ns + (retry_s < RETRY_S_MAX ? retry_s : RETRY_S_MAX) * NS_PER_S;
    leaver->seen_ns = 0;
    if (leaver->failures++ == 0) {
        log_warning("flow %s: cannot %s %s, which is shipped: %s; trying again",
                    flow_name(subject->flow), what, subject->generation.path, reason);
    }
    stats_add(flow_stats(subject->flow), STAT_FILES_FAILED, 1);
    return wait_because(subject, "cannot %s it: %s", what, reason);
}

// ---- has every flow shipped it ----

// Whether the flow could come to know the file, as far as its patterns tell.
static bool may_match(const struct janitor *janitor, size_t index, const char *path)
{
    char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    ASSERT(slash != NULL);
    slash[1] = '\0';
    bool may = glob_matches_below(janitor->globs[index], dir);
    free(dir);
    return may;
}

static enum outcome judge_known(struct subject *subject, struct flow *flow,
                                const struct source_file_info *info)
{
    struct generation generation;
    struct queue_shipping shipping;
    uint64_t size = subject->leaver->seen.size;
    int known = flow_generation(flow, info->generation, &generation, &shipping);
    if (known < 1) {
        return wait_because(subject, "waits for flow %s, which has not read it", flow_name(flow));
    }
    free(generation.path);
    bool whole = info->compressed ? info->ends_with == size && shipping.position >= info->size
                                  : shipping.position >= size;
    if (shipping.harmed) {
        return OUTCOME_FORGET;
    }
    if (!whole || shipping.queued > 0) {
        return wait_because(subject, "waits for flow %s to ship it", flow_name(flow));
    }
    return OUTCOME_ACT;
}

// Asks one flow. `*out_knows`: its queue has to be checkpointed.
static enum outcome ask_flow(struct janitor *janitor, struct subject *subject, size_t index,
                             bool *out_knows)
{
    struct flow *flow = janitor->flows[index];
    const struct file_stat *seen = &subject->leaver->seen;
    struct file_question question = {
        .device = seen->device, .inode = seen->inode, .path = subject->leaver->path};
    *out_knows = false;
    if (janitor->deaf[index] || !flow_ask(flow, &question, 1)) {
        janitor->deaf[index] = true;
        return flow != subject->flow && !may_match(janitor, index, subject->leaver->path)
                   ? OUTCOME_ACT
                   : wait_because(subject, "waits for flow %s, which does not answer",
                                  flow_name(flow));
    }
    if (flow == subject->flow && (question.knowledge != SOURCE_KNOWN ||
                                  question.info.generation != subject->leaver->generation)) {
        return OUTCOME_FORGET;
    }
    switch (question.knowledge) {
    case SOURCE_NO_MATCH:
        return OUTCOME_ACT;
    case SOURCE_NOT_READ:
        return wait_because(subject, "waits for flow %s: %s", flow_name(flow), question.info.state);
    case SOURCE_KNOWN:
        break;
    }
    *out_knows = true;
    return judge_known(subject, flow, &question.info);
}

static enum outcome ask_flows(struct janitor *janitor, struct subject *subject, bool *knows)
{
    for (size_t i = 0; i < janitor->flow_count; i++) {
        enum outcome outcome = ask_flow(janitor, subject, i, &knows[i]);
        if (outcome != OUTCOME_ACT) {
            return outcome;
        }
    }
    return OUTCOME_ACT;
}

// Whether what the flows know is on disk, as it was when the file was first seen as it is.
static bool is_durable(struct janitor *janitor, const struct subject *subject, const bool *knows)
{
    bool durable = true;
    for (size_t i = 0; i < janitor->flow_count; i++) {
        durable &= !knows[i] || flow_checkpoint(janitor->flows[i], subject->leaver->seen_ns);
    }
    return durable;
}

// ---- looking and acting ----

static enum outcome look(struct janitor *janitor, struct subject *subject, bool *knows)
{
    struct leaver *leaver = subject->leaver;
    const struct generation *generation = &subject->generation;
    enum leaver_look seen;
    int error = leaver_look_at(janitor->io, leaver, generation, janitor->now_ns, &seen);
    if (error != 0) {
        return failed(janitor, subject, error);
    }
    if (seen == LEAVER_GONE) {
        return OUTCOME_FORGET;
    }
    if (!subject->compressed && leaver->seen.size != generation->position) {
        return wait_because(subject, "it is not as long as what was read of it");
    }
    enum outcome outcome = ask_flows(janitor, subject, knows);
    if (outcome != OUTCOME_ACT) {
        return outcome;
    }
    if (seen == LEAVER_CHANGED) {
        leaver->seen_ns = janitor->io->monotonic_ns(janitor->io);
    }
    // The checkpoint is asked for now, and is there in one of the next rounds.
    bool durable = is_durable(janitor, subject, knows);
    return seen == LEAVER_SAME && durable ? OUTCOME_ACT : OUTCOME_WAIT;
}

static bool is_directory(struct io *io, const char *path)
{
    struct file_stat stat;
    return io->stat(io, path, true, &stat) == 0 && stat.kind == FILE_DIRECTORY;
}

static enum outcome act(struct janitor *janitor, struct subject *subject)
{
    struct leaver *leaver = subject->leaver;
    const struct after_ship_config *config = &flow_config_of(subject->flow)->after_ship;
    const char *why;
    int error = leaver_may_go(janitor->io, leaver, &subject->generation, subject->compressed, &why);
    if (error == 0 && why != NULL) {
        leaver->seen_ns = 0;
        return wait_because(subject, "%s", why);
    }
    char *moved_to = NULL;
    if (error == 0 && config->action == AFTER_SHIP_MOVE) {
        error = leaver_move(janitor->io, leaver, config->dir, &moved_to);
    } else if (error == 0) {
        error = leaver_delete(janitor->io, leaver);
    }
    if (error == -ENOENT && config->action == AFTER_SHIP_MOVE &&
        !is_directory(janitor->io, config->dir)) {
        error = -ENOTDIR;
    }
    if (error == -ENOENT || error == -ESTALE) {
        leaver->seen_ns = 0; // renamed just now
        return OUTCOME_WAIT;
    }
    if (error != 0) {
        return failed(janitor, subject, error);
    }
    bool moved = moved_to != NULL;
    log_info("flow %s: all of %s is shipped; %s%s", flow_name(subject->flow),
             subject->generation.path, moved ? "moved to " : "deleted", moved ? moved_to : "");
    free(moved_to);
    stats_add(flow_stats(subject->flow), moved ? STAT_FILES_MOVED : STAT_FILES_DELETED, 1);
    return OUTCOME_FORGET;
}

// Whether after_ship concerns the generation at all.
static bool may_leave(struct subject *subject, const struct queue_shipping *shipping)
{
    const struct generation *generation = &subject->generation;
    bool ended = generation->state == GENERATION_ENDED || generation->state == GENERATION_DELETED;
    subject->compressed = leaver_is_compressed(flow_config_of(subject->flow), generation);
    return ended && !shipping->harmed && generation->path[0] == '/' &&
           (subject->compressed || leaver_is_rotated(generation));
}

static enum outcome attend(struct janitor *janitor, struct subject *subject)
{
    struct queue_shipping shipping;
    int known = flow_generation(subject->flow, subject->leaver->generation, &subject->generation,
                                &shipping);
    if (known < 1) {
        return known == 0 ? OUTCOME_FORGET : OUTCOME_WAIT;
    }
    bool *knows = xcalloc(janitor->flow_count, sizeof *knows);
    enum outcome outcome = OUTCOME_FORGET;
    if (may_leave(subject, &shipping)) {
        outcome = look(janitor, subject, knows);
        if (outcome == OUTCOME_WAIT && subject->note[0] != '\0') {
            subject->leaver->seen_ns = 0; // a checkpoint that was asked for says nothing any more
        }
        outcome = outcome == OUTCOME_ACT ? act(janitor, subject) : outcome;
    }
    free(knows);
    free(subject->generation.path);
    return outcome;
}

// ---- the round ----

static void add_leaver(struct leaver_list *list, uint64_t generation)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].generation == generation) {
            return;
        }
    }
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 16;
        list->items = xreallocarray(list->items, list->capacity, sizeof *list->items);
    }
    list->items[list->count++] = (struct leaver){.generation = generation};
}

static bool is_stopped(struct janitor *janitor)
{
    pthread_mutex_lock(&janitor->lock);
    bool stop = janitor->stop;
    pthread_mutex_unlock(&janitor->lock);
    return stop;
}

static void attend_flow(struct janitor *janitor, size_t index)
{
    struct leaver_list *list = &janitor->leavers[index];
    struct flow *flow = janitor->flows[index];
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct leaver *leaver = &list->items[i];
        struct subject subject = {.flow = flow, .leaver = leaver};
        enum outcome outcome = OUTCOME_WAIT;
        if (leaver->retry_ns <= janitor->now_ns && !is_stopped(janitor)) {
            outcome = attend(janitor, &subject);
            const char *note = subject.note[0] == '\0' ? NULL : subject.note;
            shelf_set(flow_shelf(flow), leaver->generation,
                      outcome == OUTCOME_FORGET ? NULL : note);
        }
        janitor->soon |= outcome == OUTCOME_WAIT && leaver->seen_ns != 0;
        if (outcome == OUTCOME_FORGET) {
            leaver_deinit(leaver);
        } else {
            list->items[kept++] = *leaver;
        }
    }
    list->count = kept;
}

static void make_round(struct janitor *janitor)
{
    janitor->now_ns = janitor->io->monotonic_ns(janitor->io);
    janitor->soon = false;
    memset(janitor->deaf, 0, janitor->flow_count * sizeof *janitor->deaf);
    for (size_t i = 0; i < janitor->flow_count; i++) {
        struct flow *flow = janitor->flows[i];
        if (flow_config_of(flow)->after_ship.action == AFTER_SHIP_KEEP) {
            continue;
        }
        size_t count;
        uint64_t *ended = flow_take_ended(flow, &count);
        for (size_t k = 0; k < count; k++) {
            add_leaver(&janitor->leavers[i], ended[k]);
        }
        free(ended);
        attend_flow(janitor, i);
    }
}

static void *run(void *context)
{
    struct janitor *janitor = context;
    pthread_mutex_lock(&janitor->lock);
    while (!janitor->stop) {
        pthread_mutex_unlock(&janitor->lock);
        make_round(janitor);
        pthread_mutex_lock(&janitor->lock);
        struct timespec next;
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_nsec += (janitor->soon ? TICK_MS_SOON : TICK_MS) * (long)NS_PER_MS;
        next.tv_sec += next.tv_nsec / (long)NS_PER_S;
        next.tv_nsec %= (long)NS_PER_S;
        int error = 0;
        while (!janitor->stop && error == 0) {
            error = pthread_cond_timedwait(&janitor->told, &janitor->lock, &next);
        }
    }
    pthread_mutex_unlock(&janitor->lock);
    return NULL;
}

// ---- life ----

// Whether the directory can take files of the flow.
static bool check_move(struct io *io, const struct flow_config *flow, const struct glob *glob)
{
    const char *dir = flow->after_ship.dir;
    struct file_stat stat;
    int error = io->stat(io, dir, true, &stat);
    if (error != 0 || stat.kind != FILE_DIRECTORY) {
        log_error("flow %s: after_ship: move: %s: %s; make the directory before the agent starts",
                  flow->name, dir, error != 0 ? error_text(error) : "not a directory");
        return false;
    }
    if (glob_matches_below(glob, dir)) {
        log_error("flow %s: after_ship: move: files in %s match the patterns of the flow, and "
                  "would be shipped again; move them elsewhere, or exclude the directory",
                  flow->name, dir);
        return false;
    }
    for (size_t i = 0; i < glob_base_count(glob); i++) {
        struct file_stat base;
        if (io->stat(io, glob_base(glob, i), true, &base) == 0 && base.device != stat.device) {
            log_error("flow %s: after_ship: move: %s is not on the filesystem of %s; files can "
                      "only be moved within one",
                      flow->name, dir, glob_base(glob, i));
            return false;
        }
    }
    return true;
}

bool janitor_check(struct io *io, const struct config *config)
{
    bool sound = true;
    for (size_t i = 0; i < config->flow_count; i++) {
        const struct flow_config *flow = &config->flows[i];
        struct glob *glob;
        const char *bad;
        if (flow->after_ship.action == AFTER_SHIP_MOVE &&
            glob_create(&flow->source.files, &flow->source.exclude, &glob, &bad) == 0) {
            sound &= check_move(io, flow, glob);
            glob_free(glob);
        }
    }
    return sound;
}

static bool is_wanted(struct flow **flows, size_t flow_count)
{
    for (size_t i = 0; i < flow_count; i++) {
        if (flow_config_of(flows[i])->after_ship.action != AFTER_SHIP_KEEP) {
            return true;
        }
    }
    return false;
}

static void free_parts(struct janitor *janitor)
{
    for (size_t i = 0; i < janitor->flow_count; i++) {
        struct leaver_list *list = &janitor->leavers[i];
        while (list->count > 0) {
            leaver_deinit(&list->items[--list->count]);
        }
        free(list->items);
        glob_free(janitor->globs[i]);
    }
    free(janitor->leavers);
    free(janitor->globs);
    free(janitor->deaf);
    pthread_cond_destroy(&janitor->told);
    pthread_mutex_destroy(&janitor->lock);
    free(janitor);
}

struct janitor *janitor_create(struct io *io, struct flow **flows, size_t flow_count)
{
    if (!is_wanted(flows, flow_count)) {
        return NULL;
    }
    struct janitor *janitor = xcalloc(1, sizeof *janitor);
    *janitor = (struct janitor){.io = io, .flows = flows, .flow_count = flow_count};
    janitor->leavers = xcalloc(flow_count, sizeof *janitor->leavers);
    janitor->globs = xcalloc(flow_count, sizeof(struct glob *));
    janitor->deaf = xcalloc(flow_count, sizeof *janitor->deaf);
    pthread_mutex_init(&janitor->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&janitor->told, &attributes);
    pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < flow_count; i++) {
        const struct source_config *source = &flow_config_of(flows[i])->source;
        const char *bad;
        if (glob_create(&source->files, &source->exclude, &janitor->globs[i], &bad) != 0) {
            free_parts(janitor); // no flow of it can run, and that is said elsewhere
            return NULL;
        }
    }
    int error = pthread_create(&janitor->thread, NULL, run, janitor);
    ASSERT(error == 0);
    pthread_setname_np(janitor->thread, "janitor");
    return janitor;
}

void janitor_free(struct janitor *janitor)
{
    if (janitor == NULL) {
        return;
    }
    pthread_mutex_lock(&janitor->lock);
    janitor->stop = true;
    pthread_cond_signal(&janitor->told);
    pthread_mutex_unlock(&janitor->lock);
    pthread_join(janitor->thread, NULL);
    free_parts(janitor);
}
