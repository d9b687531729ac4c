/* Logs what a process does to the files of one folder, and when it speaks to others.
 *
 * Preload this library (LD_PRELOAD) into a real process. DISKLOG_ROOT is the folder to watch,
 * DISKLOG_FILE the log, which must lie outside of it. Each record is one operation that the kernel
 * has carried out; records of a process are in the order in which they took effect, because a lock
 * is held from the operation to its record. What leaves the process (sockets, pipes) is logged
 * before it leaves: whatever it promises must be durable by then.
 *
 * Record, little endian: kind u8, file u64 (inode), offset u64, three lengths u32, then path,
 * second path and data. tests/crash/disklog.py reads it.
 *
 * Not seen: writes through mapped memory (a shared writable mapping is logged as 'X', except of
 * SQLite's -shm, which is rebuilt after a crash), stdio of the C library, other libraries that
 * make system calls of their own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define LOG_FD_MIN 500

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int log_fd = -1;

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("DISKLOG_ROOT"), *file = getenv("DISKLOG_FILE");
    if (!folder || !file || strlen(folder) >= sizeof root) return;
    strcpy(root, folder);
    root_length = strlen(root);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0) return;
    /* High, so that programs that count descriptors or close low ones do not meet it. */
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, LOG_FD_MIN);
    syscall(SYS_close, fd);
}

/* A child has its parent's lock as it was; only the forking thread lives on. */
static void unlock_in_child(void) { pthread_mutex_init(&lock, NULL); }
__attribute__((constructor)) static void watch_forks(void) {
    pthread_atfork(NULL, NULL, unlock_in_child);
}

static int is_watched(const char *path) {
    return log_fd >= 0 && strncmp(path, root, root_length) == 0 &&
           (path[root_length] == '/' || path[root_length] == 0);
}

static void record(char kind, uint64_t file, uint64_t offset, const char *path, const char *second,
                   const void *data, size_t size) {
    int saved = errno;
    unsigned char header[29];
    uint32_t lengths[3] = {path ? (uint32_t)strlen(path) : 0,
                           second ? (uint32_t)strlen(second) : 0, (uint32_t)size};
    header[0] = (unsigned char)kind;
    memcpy(header + 1, &file, 8);
    memcpy(header + 9, &offset, 8);
    memcpy(header + 17, lengths, 12);
    struct iovec parts[4] = {{header, sizeof header},
                             {(void *)path, lengths[0]},
                             {(void *)second, lengths[1]},
                             {(void *)data, size}};
    if (log_fd >= 0 && syscall(SYS_writev, log_fd, parts, 4) < 0) abort();
    errno = saved;
}

/* The absolute path of a name, without following its last part. */
static void absolute(int folder, const char *name, char *out) {
    char base[PATH_MAX] = "";
    if (name[0] != '/') {
        char link[64];
        if (folder == AT_FDCWD) {
            if (syscall(SYS_getcwd, base, sizeof base) < 0) base[0] = 0;
        } else {
            strcpy(link, "/proc/self/fd/");
            char digits[16], *end = digits + 15;
            *end = 0;
            do *--end = (char)('0' + folder % 10); while (folder /= 10);
            strcat(link, end);
            ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
            base[n < 0 ? 0 : n] = 0;
        }
        strncat(base, "/", sizeof base - strlen(base) - 1);
    }
    strncat(base, name, sizeof base - strlen(base) - 1);
    strcpy(out, base);
}

/* What a descriptor is: 'F' a watched file, 'D' a watched folder, 'E' a way out, 0 none. */
static char kind_of(int fd, struct stat *status, char *path) {
    int saved = errno;
    char kind = 0;
    path[0] = 0;
    if (log_fd >= 0 && fd != log_fd && fstat(fd, status) == 0) {
        if (S_ISSOCK(status->st_mode) || S_ISFIFO(status->st_mode)) {
            kind = 'E';
        } else if (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode)) {
            absolute(fd, "", path);
            size_t length = strlen(path);
            if (length && path[length - 1] == '/') path[length - 1] = 0;
            if (is_watched(path)) kind = S_ISDIR(status->st_mode) ? 'D' : 'F';
        }
    }
    errno = saved;
    return kind;
}

/* ------------------------------------------------------------------ opening */

static int open_any(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    absolute(folder, name, path);
    if (!is_watched(path)) return (int)syscall(SYS_openat, folder, name, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat before, after;
    int saved = errno;
    int existed = fstatat(AT_FDCWD, path, &before, 0) == 0;
    errno = saved;
    int fd = (int)syscall(SYS_openat, folder, name, flags, mode);
    if (fd >= 0 && fstat(fd, &after) == 0 && S_ISREG(after.st_mode)) {
        if (!existed) record('C', after.st_ino, 0, path, NULL, NULL, 0);
        else if (flags & O_TRUNC) record('T', after.st_ino, 0, path, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list arguments) {
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
}

#define DEFINE_OPEN(name)                                        \
    EXPORT int name(const char *path, int flags, ...) {          \
        va_list arguments;                                       \
        va_start(arguments, flags);                              \
        mode_t mode = mode_of(flags, arguments);                 \
        va_end(arguments);                                       \
        return open_any(AT_FDCWD, path, flags, mode);            \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                      \
    EXPORT int name(int folder, const char *path, int flags, ...) { \
        va_list arguments;                                       \
        va_start(arguments, flags);                              \
        mode_t mode = mode_of(flags, arguments);                 \
        va_end(arguments);                                       \
        return open_any(folder, path, flags, mode);              \
    }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

EXPORT int creat(const char *path, mode_t mode) {
    return open_any(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* ------------------------------------------------------------------ writing */

static ssize_t write_vector(int fd, const struct iovec *parts, int count, off_t at) {
    struct stat status;
    char path[PATH_MAX], kind = kind_of(fd, &status, path);
    if (kind == 'E') {
        pthread_mutex_lock(&lock);
        for (int i = 0; i < count; i++)
            record('E', (uint64_t)fd, 0, NULL, NULL, parts[i].iov_base, parts[i].iov_len);
        pthread_mutex_unlock(&lock);
    }
    if (kind == 'F') pthread_mutex_lock(&lock);
    off_t offset = at;
    if (kind == 'F' && at < 0) {
        int appends = (int)syscall(SYS_fcntl, fd, F_GETFL) & O_APPEND;
        offset = appends ? (fstat(fd, &status), status.st_size)
                         : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
    }
    ssize_t written = at < 0 ? syscall(SYS_writev, fd, parts, count)
                             : syscall(SYS_pwritev, fd, parts, count, at, 0);
    if (kind == 'F') {
        ssize_t left = written;
        for (int i = 0; i < count && left > 0; i++) {
            size_t size = (size_t)left < parts[i].iov_len ? (size_t)left : parts[i].iov_len;
            record('W', status.st_ino, (uint64_t)offset, path, NULL, parts[i].iov_base, size);
            offset += (off_t)size;
            left -= (ssize_t)size;
        }
        pthread_mutex_unlock(&lock);
    }
    return written;
}

static ssize_t write_one(int fd, const void *data, size_t size, off_t at) {
    struct iovec part = {(void *)data, size};
    return write_vector(fd, &part, 1, at);
}

EXPORT ssize_t write(int fd, const void *data, size_t size) { return write_one(fd, data, size, -1); }
EXPORT ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return write_one(fd, data, size, at);
}
EXPORT ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return write_one(fd, data, size, at);
}
EXPORT ssize_t writev(int fd, const struct iovec *parts, int count) {
    return write_vector(fd, parts, count, -1);
}
EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return write_vector(fd, parts, count, at);
}
EXPORT ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    return write_vector(fd, parts, count, at);
}

EXPORT int ftruncate(int fd, off_t size) {
    struct stat status;
    char path[PATH_MAX], kind = kind_of(fd, &status, path);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_ftruncate, fd, size);
    if (kind == 'F' && result == 0)
        record('T', status.st_ino, (uint64_t)size, path, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
EXPORT int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

/* ------------------------------------------------------------------ syncing */

static int sync_any(int fd, long number) {
    struct stat status;
    char path[PATH_MAX], kind = kind_of(fd, &status, path);
    if (kind != 'F' && kind != 'D') return (int)syscall(number, fd);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(number, fd);
    if (result == 0) record(kind == 'D' ? 'G' : 'S', status.st_ino, 0, path, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
EXPORT int fsync(int fd) { return sync_any(fd, SYS_fsync); }
EXPORT int fdatasync(int fd) { return sync_any(fd, SYS_fdatasync); }

/* ------------------------------------------------------------------ names */

static int rename_any(int from_folder, const char *from, int to_folder, const char *to,
                      unsigned flags) {
    char old_path[PATH_MAX], new_path[PATH_MAX];
    absolute(from_folder, from, old_path);
    absolute(to_folder, to, new_path);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (result == 0 && (is_watched(old_path) || is_watched(new_path)))
        record(flags ? 'X' : 'R', 0, 0, old_path, new_path, "renameat2", flags ? 9 : 0);
    pthread_mutex_unlock(&lock);
    return result;
}
EXPORT int rename(const char *from, const char *to) {
    return rename_any(AT_FDCWD, from, AT_FDCWD, to, 0);
}
EXPORT int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return rename_any(from_folder, from, to_folder, to, 0);
}
EXPORT int renameat2(int from_folder, const char *from, int to_folder, const char *to,
                     unsigned flags) {
    return rename_any(from_folder, from, to_folder, to, flags);
}

static int named(char kind, int folder, const char *name, long number, long third) {
    char path[PATH_MAX];
    absolute(folder, name, path);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(number, folder, name, third);
    if (result == 0 && is_watched(path)) record(kind, 0, 0, path, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
EXPORT int unlink(const char *path) { return named('U', AT_FDCWD, path, SYS_unlinkat, 0); }
EXPORT int rmdir(const char *path) { return named('U', AT_FDCWD, path, SYS_unlinkat, AT_REMOVEDIR); }
EXPORT int unlinkat(int folder, const char *path, int flags) {
    return named('U', folder, path, SYS_unlinkat, flags);
}
EXPORT int mkdir(const char *path, mode_t mode) {
    return named('M', AT_FDCWD, path, SYS_mkdirat, (long)mode);
}
EXPORT int mkdirat(int folder, const char *path, mode_t mode) {
    return named('M', folder, path, SYS_mkdirat, (long)mode);
}

EXPORT int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char old_path[PATH_MAX], new_path[PATH_MAX];
    absolute(from_folder, from, old_path);
    absolute(to_folder, to, new_path);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);
    if (result == 0 && is_watched(new_path))
        record('L', 0, 0, old_path, new_path, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
EXPORT int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

/* ------------------------------------------------------------------ ways out */

EXPORT ssize_t send(int fd, const void *data, size_t size, int flags) {
    return sendto(fd, data, size, flags, NULL, 0);
}
EXPORT ssize_t sendto(int fd, const void *data, size_t size, int flags,
                      const struct sockaddr *address, socklen_t length) {
    pthread_mutex_lock(&lock);
    record('E', (uint64_t)fd, 0, NULL, NULL, data, size);
    pthread_mutex_unlock(&lock);
    return syscall(SYS_sendto, fd, data, size, flags, address, length);
}
EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < message->msg_iovlen; i++)
        record('E', (uint64_t)fd, 0, NULL, NULL, message->msg_iov[i].iov_base,
               message->msg_iov[i].iov_len);
    pthread_mutex_unlock(&lock);
    return syscall(SYS_sendmsg, fd, message, flags);
}

/* ------------------------------------------------------------------ what the model cannot follow */

static void unsupported(int fd, const char *what) {
    struct stat status;
    char path[PATH_MAX];
    if (kind_of(fd, &status, path) != 'F') return;
    pthread_mutex_lock(&lock);
    record('X', status.st_ino, 0, path, NULL, what, strlen(what));
    pthread_mutex_unlock(&lock);
}

static void *map_any(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0 && (flags & MAP_SHARED) && (protection & PROT_WRITE)) {
        struct stat status;
        char path[PATH_MAX];
        if (kind_of(fd, &status, path) == 'F') {
            size_t length = strlen(path);
            if (length < 4 || strcmp(path + length - 4, "-shm")) unsupported(fd, "mmap");
        }
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}
EXPORT void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    return map_any(address, size, protection, flags, fd, offset);
}
EXPORT void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset) {
    return map_any(address, size, protection, flags, fd, offset);
}
EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t size) {
    unsupported(out, "sendfile");
    return syscall(SYS_sendfile, out, in, offset, size);
}
EXPORT ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size,
                               unsigned flags) {
    unsupported(out, "copy_file_range");
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
}
EXPORT int fallocate(int fd, int mode, off_t offset, off_t size) {
    unsupported(fd, "fallocate");
    return (int)syscall(SYS_fallocate, fd, mode, offset, size);
}
EXPORT int posix_fallocate(int fd, off_t offset, off_t size) {
    return fallocate(fd, 0, offset, size) ? errno : 0;
}
EXPORT int truncate(const char *path, off_t size) {
    int fd = open_any(AT_FDCWD, path, O_WRONLY, 0);
    if (fd < 0) return -1;
    int result = ftruncate(fd, size);
    syscall(SYS_close, fd);
    return result;
}
