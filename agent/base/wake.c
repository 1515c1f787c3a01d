#include "base/wake.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

void wake_open(struct wake *wake)
{
    wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ASSERT(wake->fd >= 0);
}

void wake_close(struct wake *wake)
{
    close(wake->fd);
    wake->fd = -1;
}

void wake_ring(struct wake *wake)
{
    uint64_t one = 1;
    ssize_t written = write(wake->fd, &one, sizeof one);
    ASSERT(written == sizeof one || errno == EAGAIN || errno == EINTR);
}

void wake_wait(struct wake *wake, int other_fd, uint64_t timeout_ms)
{
    struct pollfd fds[] = {{.fd = wake->fd, .events = POLLIN}, {.fd = other_fd, .events = POLLIN}};
    int timeout = timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    if (poll(fds, 2, timeout) > 0 && (fds[0].revents & POLLIN) != 0) {
        uint64_t count;
        ssize_t got = read(wake->fd, &count, sizeof count);
        ASSERT(got == sizeof count || errno == EAGAIN || errno == EINTR);
    }
}
