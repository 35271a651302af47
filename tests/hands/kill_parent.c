/* Preloaded into an installer: at its Nth call that changes a file, kill the parent (convfix) with SIGKILL and
   wait. The kernel then has to end the installer, since it is tethered to its parent. FAULT_AT says N,
   FAULT_LOG a file for the number of calls made in all. Only a process whose command line says install, and
   not --dry-run, counts. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long calls;
static long at = -1;
static int counting;

__attribute__((constructor)) static void begin(void) {
    char line[65536];
    const char *wanted = getenv("FAULT_AT");
    FILE *file = fopen("/proc/self/cmdline", "r");
    if (!wanted || !file) return;
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = 0;
    int install = 0, dry = 0, first = 1;
    for (char *word = line; word < line + size; word += strlen(word) + 1) {
        if (!strcmp(word, "install") || !strcmp(word, "uninstall")) install = 1;
        if (!strcmp(word, "--dry-run")) dry = 1;
        /* The tether, before it becomes the installer, has a script as an argument. */
        if (strchr(word, '\n')) dry = 1;
        first = 0;
    }
    (void)first;
    counting = install && !dry;
    at = atol(wanted);
}

__attribute__((destructor)) static void end(void) {
    const char *log = getenv("FAULT_LOG");
    if (!counting || !log) return;
    counting = 0;
    FILE *file = fopen(log, "w");
    if (file) { fprintf(file, "%ld\n", atomic_load(&calls)); fclose(file); }
}

static void count(void) {
    if (!counting) return;
    long number = atomic_fetch_add(&calls, 1);
    if (number == at) kill(getppid(), SIGKILL);
    while (at >= 0 && number >= at) pause();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define PLAIN(name, params, args) int name params { count(); return REAL(name) args; }
PLAIN(rename, (const char *a, const char *b), (a, b))
PLAIN(renameat, (int x, const char *a, int y, const char *b), (x, a, y, b))
PLAIN(unlink, (const char *a), (a))
PLAIN(unlinkat, (int x, const char *a, int f), (x, a, f))
PLAIN(rmdir, (const char *a), (a))
PLAIN(mkdir, (const char *a, mode_t m), (a, m))
PLAIN(mkdirat, (int x, const char *a, mode_t m), (x, a, m))
PLAIN(link, (const char *a, const char *b), (a, b))
PLAIN(linkat, (int x, const char *a, int y, const char *b, int f), (x, a, y, b, f))
PLAIN(symlink, (const char *a, const char *b), (a, b))
PLAIN(symlinkat, (const char *a, int x, const char *b), (a, x, b))
PLAIN(chmod, (const char *a, mode_t m), (a, m))
PLAIN(fchmod, (int x, mode_t m), (x, m))

#define OPEN(name, params, args, flags) \
    int name params { \
        mode_t mode = 0; va_list more; va_start(more, flags); \
        if (flags & (O_CREAT | __O_TMPFILE)) mode = va_arg(more, mode_t); \
        va_end(more); \
        if (flags & (O_WRONLY | O_RDWR | O_CREAT)) count(); \
        return REAL(name) args; }
OPEN(open, (const char *path, int flags, ...), (path, flags, mode), flags)
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), flags)
OPEN(openat, (int x, const char *path, int flags, ...), (x, path, flags, mode), flags)
OPEN(openat64, (int x, const char *path, int flags, ...), (x, path, flags, mode), flags)
