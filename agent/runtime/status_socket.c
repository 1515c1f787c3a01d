#include "runtime/status_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/io_posix.h"

enum {
    SERVER_TIMEOUT_MS = 500, // for one read or write of a client
    CLIENT_TIMEOUT_MS = 5000,
};

static int address_of(const char *path, struct sockaddr_un *out_address)
{
    if (strlen(path) >= sizeof out_address->sun_path) {
        return -ENAMETOOLONG;
    }
    *out_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out_address->sun_path, path, strlen(path));
    return 0;
}

static void set_timeout(int fd, int timeout_ms)
{
    struct timeval time = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

static int connect_to(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static int make_directory_of(const char *path)
{
    char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    int error = 0;
    if (slash != NULL && slash != dir) {
        *slash = '\0';
        error = io_mkdir_all(io_posix(), dir, 0755);
    }
    free(dir);
    return error;
}

int status_socket_listen(const char *path)
{
    struct sockaddr_un address;
    int error = address_of(path, &address);
    if (error != 0) {
        return error;
    }
    int other = connect_to(&address);
    if (other >= 0) {
        close(other);
        return -EADDRINUSE;
    }
    error = make_directory_of(path);
    if (error != 0) {
        return error;
    }
    (void)unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0660) != 0 || listen(fd, 16) != 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

void status_socket_close(int fd, const char *path)
{
    if (fd >= 0) {
        close(fd);
        (void)unlink(path);
    }
}

static int read_line(int fd, char *line, size_t size)
{
    size_t length = 0;
    while (length + 1 < size) {
        ssize_t count = recv(fd, line + length, 1, 0);
        if (count < 0) {
            return -errno;
        }
        if (count == 0 || line[length] == '\n') {
            line[length] = '\0';
            return 0;
        }
        length++;
    }
    return E_TOO_LARGE;
}

int status_socket_accept(int fd, char *request, size_t size)
{
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) {
        return -errno;
    }
    set_timeout(client, SERVER_TIMEOUT_MS);
    int error = read_line(client, request, size);
    if (error != 0) {
        close(client);
        return error;
    }
    return client;
}

static int send_all(int fd, struct slice data)
{
    while (data.size > 0) {
        ssize_t count = send(fd, data.data, data.size, MSG_NOSIGNAL);
        if (count < 0) {
            return -errno;
        }
        data = slice_skip(data, (size_t)count);
    }
    return 0;
}

void status_socket_answer(int client, struct slice document)
{
    (void)send_all(client, document);
    close(client);
}

static int receive_all(int fd, struct buf *out)
{
    for (;;) {
        uint8_t part[16384];
        ssize_t count = recv(fd, part, sizeof part, 0);
        if (count <= 0) {
            return count < 0 ? -errno : 0;
        }
        buf_append(out, part, (size_t)count);
        if (out->overflow) {
            return E_TOO_LARGE;
        }
    }
}

int status_socket_ask(const char *path, const char *request, struct buf *out)
{
    struct sockaddr_un address;
    int error = address_of(path, &address);
    if (error != 0) {
        return error;
    }
    int fd = connect_to(&address);
    if (fd < 0) {
        return fd;
    }
    set_timeout(fd, CLIENT_TIMEOUT_MS);
    error = send_all(fd, slice_of_text(request));
    if (error == 0) {
        error = send_all(fd, slice_of_text("\n"));
    }
    if (error == 0) {
        error = receive_all(fd, out);
    }
    close(fd);
    return error;
}
