#include "runtime/files_desk.h"

#include <time.h>

#include "base/clock.h"
#include "runtime/collector.h"

enum { ANSWER_WAIT_MS = 500 };

void files_desk_init(struct files_desk *desk, struct wake *bell)
{
    *desk = (struct files_desk){.bell = bell};
    pthread_mutex_init(&desk->asking, NULL);
    pthread_mutex_init(&desk->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&desk->answered, &attributes);
    pthread_condattr_destroy(&attributes);
}

void files_desk_deinit(struct files_desk *desk)
{
    pthread_cond_destroy(&desk->answered);
    pthread_mutex_destroy(&desk->lock);
    pthread_mutex_destroy(&desk->asking);
}

void files_desk_set_open(struct files_desk *desk, bool open)
{
    pthread_mutex_lock(&desk->lock);
    desk->open = open;
    pthread_cond_signal(&desk->answered);
    pthread_mutex_unlock(&desk->lock);
}

static struct timespec deadline_of(void)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_nsec += ANSWER_WAIT_MS * (long)NS_PER_MS;
    deadline.tv_sec += deadline.tv_nsec / (long)NS_PER_S;
    deadline.tv_nsec %= (long)NS_PER_S;
    return deadline;
}

// Waits for the answer to what was put on the desk.
static bool wait_for_answer(struct files_desk *desk)
{
    struct timespec deadline = deadline_of();
    int error = 0;
    desk->wanted = true;
    wake_ring(desk->bell);
    while (desk->wanted && desk->open && error == 0) {
        error = pthread_cond_timedwait(&desk->answered, &desk->lock, &deadline);
    }
    bool answered = !desk->wanted;
    desk->wanted = false;
    desk->list = NULL;
    desk->questions = NULL;
    desk->question_count = 0;
    return answered;
}

bool files_desk_list(struct files_desk *desk, struct file_list *list)
{
    pthread_mutex_lock(&desk->asking);
    pthread_mutex_lock(&desk->lock);
    desk->list = list;
    bool answered = wait_for_answer(desk);
    pthread_mutex_unlock(&desk->lock);
    pthread_mutex_unlock(&desk->asking);
    return answered;
}

bool files_desk_ask(struct files_desk *desk, struct file_question *questions, size_t count)
{
    pthread_mutex_lock(&desk->asking);
    pthread_mutex_lock(&desk->lock);
    desk->questions = questions;
    desk->question_count = count;
    bool answered = wait_for_answer(desk);
    pthread_mutex_unlock(&desk->lock);
    pthread_mutex_unlock(&desk->asking);
    return answered;
}

void files_desk_answer(struct files_desk *desk, const struct collector *collector)
{
    pthread_mutex_lock(&desk->lock);
    if (desk->wanted) {
        if (desk->list != NULL) {
            collector_list_files(collector, desk->list);
        }
        for (size_t i = 0; i < desk->question_count; i++) {
            collector_find_file(collector, &desk->questions[i]);
        }
        desk->wanted = false;
        pthread_cond_signal(&desk->answered);
    }
    pthread_mutex_unlock(&desk->lock);
}
