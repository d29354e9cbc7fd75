// SPDX-License-Identifier: Apache-2.0
// hostile SEED FLIPS FILE…: decodes every file cut at each byte (large ones at fewer, and says so),
// and FLIPS times with one bit flipped, spread evenly over the files. Built with the sanitizers;
// see run.sh.
//
// What has to hold for each case, beside that no sanitizer speaks up:
//   - it ends within CASE_SECONDS, either well (exit code 0 of tailrace-cat) or with 65, "data
//     error": corrupt or not supported, and a reason
//   - it never holds more memory than MEMORY_MAX over the bytes there are
//   - the records that come out are the first ones of the undamaged file. A flip in a file without
//     checksums may go unnoticed, and change records
//   - a cut file is good only where an event ends; a flip in a file with checksums is always
//     noticed, but for the flag in the format description that the server itself flips in place
//
// A case runs in a child, many cases in one, which notes in shared memory how far it is: when it
// dies, the case is known and the next child starts behind it. Ends on "N passed, N failed".
#define _GNU_SOURCE // memfd_create, MAP_ANONYMOUS
#include "binlog/event.h"
#include "binlog/reader.h"
#include "binlog/source_file.h"
#include "common/mem.h"
#include "record/json_writer.h"

#include <errno.h>
#include <sanitizer/allocator_interface.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE_SECONDS 5
#define MEMORY_MAX ((size_t)64 << 20)
#define CASES_A_CHILD 2000
#define CUT_EVERYWHERE_MAX 80000 // bytes; larger files are cut at fewer places
#define CUT_STEP_BYTES 32768
#define MAGIC_BYTES 4
#define SIZE_OFFSET 9
#define FLAGS_OFFSET 17
#define EXIT_CASE_FAILED 1
#define EXIT_DATA 65

enum damage { DAMAGE_CUT, DAMAGE_FLIP };

struct victim {
    const char *path;
    uint8_t *bytes;
    size_t len;
    size_t step; // of the cuts
    size_t n_cuts;
    bool has_checksums;
    struct buf records; // of the undamaged file
};

// Case number n of a victim: first the cuts, then the flips.
struct damage_case {
    enum damage damage;
    size_t at; // cut: how many bytes are left; flip: which byte
    unsigned bit;
};

struct shared {
    size_t case_number; // that is being tried
    size_t passed;
};

static struct shared *shared;
static size_t live_bytes;
static size_t peak_bytes;
static size_t failed;
static size_t passed;

static void on_malloc(const volatile void *ptr, size_t size)
{
    (void)ptr;
    live_bytes += size;
    if (live_bytes > peak_bytes)
        peak_bytes = live_bytes;
}

static void on_free(const volatile void *ptr)
{
    if (ptr)
        live_bytes -= __sanitizer_get_allocated_size(ptr);
}

// SplitMix64: case n of a seed is the same on every machine.
static uint64_t mix(uint64_t n)
{
    n += 0x9e3779b97f4a7c15;
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;
    return n ^ n >> 31;
}

static uint32_t size_at(const struct victim *victim, size_t at)
{
    const uint8_t *size = victim->bytes + at + SIZE_OFFSET;
    return size[0] | (uint32_t)size[1] << 8 | (uint32_t)size[2] << 16 | (uint32_t)size[3] << 24;
}

static bool ends_event(const struct victim *victim, size_t at)
{
    size_t end = MAGIC_BYTES;
    while (end < at)
        end += size_at(victim, end);
    return end == at;
}

static bool is_flag_in_use(const struct damage_case *it)
{
    return it->at == MAGIC_BYTES + FLAGS_OFFSET && 1u << it->bit == EVENT_FLAG_IN_USE;
}

static int decode(int fd, struct buf *records, struct err *err)
{
    static const struct reader_options options = {
        .source_name = "hostile",
        .version = "0",
        .filter = {.include = "", .exclude = ""},
        .verify_checksums = true,
    };
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct source *source = source_file_open(path, err);
    struct reader *reader = source ? reader_open_take(source, &options, err) : NULL;
    if (!reader)
        return err_exit_code(err);
    struct reader_item item;
    struct json_frame frame = {0};
    bool ok;
    do {
        ok = reader_next(reader, 0, &item, err);
        if (ok && item.kind == READER_CHANGE) {
            json_write_change(records, &frame, item.change);
            buf_char(records, '\n');
        }
    } while (ok && item.kind != READER_END);
    reader_close(reader);
    json_frame_deinit(&frame);
    return ok ? 0 : err_exit_code(err);
}

static int open_memory(const struct victim *victim)
{
    int fd = memfd_create("hostile", 0);
    if (fd < 0 || pwrite(fd, victim->bytes, victim->len, 0) != (ssize_t)victim->len)
        abort();
    return fd;
}

// Cuts come from the longest to the shortest, so that a file need not be written again for each.
static void put_damage(int fd, const struct victim *victim, const struct damage_case *it)
{
    if (it->damage == DAMAGE_CUT && ftruncate(fd, (off_t)it->at))
        abort();
    uint8_t flipped = (uint8_t)(victim->bytes[it->at] ^ 1u << it->bit);
    if (it->damage == DAMAGE_FLIP && pwrite(fd, &flipped, 1, (off_t)it->at) != 1)
        abort();
}

static void mend(int fd, const struct victim *victim, const struct damage_case *it)
{
    if (it->damage == DAMAGE_FLIP && pwrite(fd, victim->bytes + it->at, 1, (off_t)it->at) != 1)
        abort();
}

static bool starts_with(const struct buf *whole, const struct buf *part)
{
    return part->len <= whole->len && (!part->len || !memcmp(whole->ptr, part->ptr, part->len));
}

// What is wrong with how the case went; NULL: nothing.
static const char *judge(const struct victim *victim, const struct damage_case *it, int code,
                         const struct buf *records, const struct err *err)
{
    bool is_cut = it->damage == DAMAGE_CUT;
    if (code != 0 && code != EXIT_DATA)
        return "the exit code is neither 0 nor 65";
    if (code && !err->text[0])
        return "refused without a reason";
    if (peak_bytes > MEMORY_MAX + victim->len)
        return "too much memory";
    if ((is_cut || victim->has_checksums) && !starts_with(&victim->records, records))
        return "other records than those of the undamaged file";
    if (is_cut && code == 0 && !ends_event(victim, it->at))
        return "cut inside an event, and not noticed";
    if (it->damage == DAMAGE_FLIP && victim->has_checksums && code == 0 && !is_flag_in_use(it))
        return "the flipped bit was not noticed";
    return NULL;
}

static struct damage_case case_of(const struct victim *victim, uint64_t seed, size_t n)
{
    if (n < victim->n_cuts)
        return (struct damage_case){DAMAGE_CUT, (victim->n_cuts - 1 - n) * victim->step, 0};
    uint64_t random = mix(seed ^ mix(n));
    return (struct damage_case){DAMAGE_FLIP, random / 8 % victim->len, random % 8};
}

static void tell(const struct victim *victim, const struct damage_case *it, const char *what,
                 const char *reason)
{
    if (it->damage == DAMAGE_CUT)
        printf("FAILED: %s cut after %zu bytes: %s %s\n", victim->path, it->at, what, reason);
    else
        printf("FAILED: %s byte %zu bit %u flipped: %s %s\n", victim->path, it->at, it->bit, what,
               reason);
    fflush(stdout);
}

static bool try_case(const struct victim *victim, const struct damage_case *it, int fd)
{
    struct buf records = {0};
    struct err err = {0};
    put_damage(fd, victim, it);
    peak_bytes = live_bytes = 0;
    alarm(CASE_SECONDS);
    int code = decode(fd, &records, &err);
    alarm(0);
    mend(fd, victim, it);
    const char *wrong = judge(victim, it, code, &records, &err);
    if (wrong)
        tell(victim, it, wrong, err.text);
    buf_deinit(&records);
    return !wrong;
}

// In the child.
static void run_cases(const struct victim *victim, uint64_t seed, size_t end)
{
    int fd = open_memory(victim);
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    for (; shared->case_number < end; shared->case_number++) {
        struct damage_case it = case_of(victim, seed, shared->case_number);
        shared->passed += try_case(victim, &it, fd);
    }
    exit(0);
}

// A child that dies takes one case with it.
static void watch(const struct victim *victim, uint64_t seed, pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    struct damage_case it = case_of(victim, seed, shared->case_number++);
    bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    tell(victim, &it, hung ? "still not done after five seconds" : "the decoder died", "");
}

static void try_victim(const struct victim *victim, uint64_t seed, size_t flips)
{
    size_t total = victim->n_cuts + flips;
    *shared = (struct shared){0};
    while (shared->case_number < total) {
        size_t left = total - shared->case_number;
        size_t end = shared->case_number + (left < CASES_A_CHILD ? left : CASES_A_CHILD);
        if (shared->case_number < victim->n_cuts && end > victim->n_cuts)
            end = victim->n_cuts; // the next child has a whole file again
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0)
            run_cases(victim, seed, end);
        watch(victim, seed, pid);
    }
    passed += shared->passed;
    failed += total - shared->passed;
}

static bool load(struct victim *victim, const char *path)
{
    struct err err = {0};
    FILE *file = fopen(path, "rb");
    struct buf content = {0};
    if (!file) {
        perror(path);
        return false;
    }
    size_t n;
    do {
        n = fread(buf_reserve(&content, BUFSIZ), 1, BUFSIZ, file);
        content.len += n;
    } while (n);
    fclose(file);
    victim->path = path;
    victim->bytes = content.ptr;
    victim->len = content.len;
    victim->step = content.len <= CUT_EVERYWHERE_MAX ? 1 : 1 + content.len / CUT_STEP_BYTES;
    victim->n_cuts = (content.len + victim->step - 1) / victim->step;
    if (victim->step > 1)
        printf("%s: cut at every %zuth byte, as the time grows with the square\n", path,
               victim->step);
    int fd = open_memory(victim);
    int code = decode(fd, &victim->records, &err);
    close(fd);
    if (code != 0 && code != EXIT_DATA)
        printf("FAILED: %s: %s\n", path, err.text);
    return code == 0 || code == EXIT_DATA;
}

static void unload(struct victim *victim)
{
    buf_deinit(&victim->records);
    free(victim->bytes);
}

// The golden files without checksums say so in their names; the rest must have them.
static bool has_checksums(const char *path)
{
    return !strstr(path, "checksum_none");
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: hostile SEED FLIPS FILE…\n");
        return 64;
    }
    uint64_t seed = strtoull(argv[1], NULL, 10);
    size_t flips = strtoull(argv[2], NULL, 10);
    size_t n_files = (size_t)argc - 3;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < n_files; i++) {
        struct victim victim = {.has_checksums = has_checksums(argv[3 + i])};
        if (load(&victim, argv[3 + i]))
            try_victim(&victim, mix(seed + i), flips / n_files + (i < flips % n_files));
        else
            failed++;
        unload(&victim);
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed != 0;
}
