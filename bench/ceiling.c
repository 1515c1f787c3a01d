// The processor time that no agent with a queue on disk, signatures and TLS can do without on this
// machine: each byte of the log is read, summed and written to a queue, read back, hashed for the
// signature and encrypted, with nothing in between.
//
//     ceiling LOG SCRATCH
//
// prints CPU seconds by GB of the log for each step, as one line of JSON. SCRATCH is created and
// removed. The socket is not in it.
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/io_posix.h"

enum { EXIT_USAGE = 64, BLOCK_BYTES = 256 * 1024, TLS_RECORD_BYTES = 16 * 1024 };

struct steps {
    uint64_t read_ns;
    uint64_t crc32c_ns;
    uint64_t write_ns;
    uint64_t read_back_ns;
    uint64_t sha256_ns;
    uint64_t aes_gcm_ns;
};

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

// Adds the time since `*mark` to `*step` and moves the mark.
static void lap(uint64_t *mark, uint64_t *step)
{
    uint64_t now = cpu_ns();
    *step += now - *mark;
    *mark = now;
}

static void seal(EVP_CIPHER_CTX *cipher, const uint8_t *data, size_t size, uint8_t *out)
{
    static const uint8_t key[32] = {1};
    static const uint8_t nonce[12] = {2};
    for (size_t at = 0; at < size; at += TLS_RECORD_BYTES) {
        size_t part = size - at < TLS_RECORD_BYTES ? size - at : TLS_RECORD_BYTES;
        int count;
        uint8_t tag[16];
        if (EVP_EncryptInit_ex2(cipher, EVP_aes_256_gcm(), key, nonce, NULL) != 1 ||
            EVP_EncryptUpdate(cipher, out + at, &count, data + at, (int)part) != 1 ||
            EVP_EncryptFinal_ex(cipher, out + at, &count) != 1 ||
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, sizeof tag, tag) != 1) {
            abort();
        }
    }
}

// Takes the log through every step, a block at a time. Returns its size, or an error.
static int64_t run_steps(int log_fd, int queue_fd, struct steps *steps)
{
    struct io *io = io_posix();
    uint8_t *block = xmalloc(BLOCK_BYTES);
    uint8_t *encrypted = xmalloc(BLOCK_BYTES);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    uint8_t digest[EVP_MAX_MD_SIZE];
    uint32_t crc = 0;
    uint64_t offset = 0;
    int64_t count;
    int error = 0;
    uint64_t mark = cpu_ns();
    EVP_DigestInit_ex2(hash, EVP_sha256(), NULL);
    while (error == 0 && (count = io_pread_all(io, log_fd, block, BLOCK_BYTES, offset)) > 0) {
        lap(&mark, &steps->read_ns);
        crc = crc32c(crc, block, (size_t)count);
        lap(&mark, &steps->crc32c_ns);
        error = io_pwrite_all(io, queue_fd, block, (size_t)count, offset);
        lap(&mark, &steps->write_ns);
        if (io_pread_all(io, queue_fd, block, (size_t)count, offset) != count) {
            error = -EIO;
        }
        lap(&mark, &steps->read_back_ns);
        EVP_DigestUpdate(hash, block, (size_t)count);
        lap(&mark, &steps->sha256_ns);
        seal(cipher, block, (size_t)count, encrypted);
        lap(&mark, &steps->aes_gcm_ns);
        offset += (uint64_t)count;
    }
    EVP_DigestFinal_ex(hash, digest, NULL);
    // Their values matter to nobody, but they must be computed.
    __asm__ volatile("" : : "r"(crc), "r"(digest), "r"(encrypted) : "memory");
    EVP_MD_CTX_free(hash);
    EVP_CIPHER_CTX_free(cipher);
    free(encrypted);
    free(block);
    if (error == 0 && count < 0) {
        error = (int)count;
    }
    return error != 0 ? error : (int64_t)offset;
}

static double by_gb(uint64_t ns, int64_t bytes)
{
    return (double)ns / (double)bytes;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s LOG SCRATCH\n", argv[0]);
        return EXIT_USAGE;
    }
    struct io *io = io_posix();
    int log_fd = io->open(io, argv[1], O_RDONLY, 0);
    int queue_fd = io->open(io, argv[2], O_RDWR | O_CREAT | O_EXCL, 0600);
    struct steps steps = {0};
    int64_t bytes = log_fd < 0 ? log_fd : queue_fd;
    if (log_fd >= 0 && queue_fd >= 0) {
        (void)io->unlink(io, argv[2]);
        bytes = run_steps(log_fd, queue_fd, &steps);
    }
    if (bytes <= 0) {
        fprintf(stderr, "ceiling: %s\n", bytes == 0 ? "the log is empty" : error_text((int)bytes));
        return EXIT_FAILURE;
    }
    printf("{\"read\":%.3f,\"crc32c\":%.3f,\"write\":%.3f,\"read_back\":%.3f,\"sha256\":%.3f,"
           "\"aes_gcm\":%.3f}\n",
           by_gb(steps.read_ns, bytes), by_gb(steps.crc32c_ns, bytes), by_gb(steps.write_ns, bytes),
           by_gb(steps.read_back_ns, bytes), by_gb(steps.sha256_ns, bytes),
           by_gb(steps.aes_gcm_ns, bytes));
    return EXIT_SUCCESS;
}
