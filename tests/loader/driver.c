/* Opens shared objects on behalf of other objects and prints what the real dynamic loader did.
 * driver [CALLER NAME]...   CALLER "-" is this program, anything else the l_name of a loaded object, whose
 * trampoline at CODE calls dlopen, so that the loader takes that object for the caller. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#ifndef CODE
#define CODE 0x180
#endif

typedef void *(*opener)(const char *, int);
typedef void *(*trampoline)(const char *, int, opener);

static struct link_map *head(void) { return _r_debug.r_map; }

static void maps(void) {
    printf("MAPS");
    for (struct link_map *map = head(); map; map = map->l_next) printf("\t%s", map->l_name);
    printf("\n");
    fflush(stdout);
}

int main(int count, char **words) {
    maps();
    for (int at = 1; at + 1 < count; at += 2) {
        void *handle = NULL;
        if (strcmp(words[at], "-") == 0) handle = dlopen(words[at + 1], RTLD_LAZY);
        else {
            struct link_map *map = head();
            while (map && strcmp(map->l_name, words[at])) map = map->l_next;
            if (!map) { printf("NOCALLER\t%s\n", words[at]); continue; }
            handle = ((trampoline)(map->l_addr + CODE))(words[at + 1], RTLD_LAZY, dlopen);
        }
        if (handle) printf("OK\t%s\n", ((struct link_map *)handle)->l_name);
        else printf("ERR\t%s\n", dlerror());
        maps();
    }
    return 0;
}
