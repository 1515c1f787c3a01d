// Where other threads ask the collector thread about its files. The source belongs to that thread
// alone; it answers between two steps, with copies, so that a question costs it a copy and no more.
// One question at a time.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/wake.h"
#include "runtime/file_list.h"
#include "source/source.h"

// About the file that has a device and inode now, with a path at which patterns may match it.
struct file_question {
    uint64_t device;
    uint64_t inode;
    const char *path;
    enum source_knowledge knowledge; // the answer; what follows is set as it says
    struct source_file_info info;    // without its path
};

struct collector;

struct files_desk {
    pthread_mutex_t asking; // held by who asks
    pthread_mutex_t lock;   // of the rest
    pthread_cond_t answered;
    struct wake *bell; // of the collector thread
    bool open;
    bool wanted;
    struct file_list *list; // NULL: not wanted
    struct file_question *questions;
    size_t question_count;
};

// `bell` stays the caller's.
void files_desk_init(struct files_desk *desk, struct wake *bell);
void files_desk_deinit(struct files_desk *desk);
// Whether a collector thread is there to answer.
void files_desk_set_open(struct files_desk *desk, bool open);

// Any thread but the collector's. False when there is no answer: it is stopped, or has been busy in
// one step for too long. A list is added to.
NODISCARD bool files_desk_list(struct files_desk *desk, struct file_list *list);
NODISCARD bool files_desk_ask(struct files_desk *desk, struct file_question *questions,
                              size_t count);
// The collector thread, between steps.
void files_desk_answer(struct files_desk *desk, const struct collector *collector);
