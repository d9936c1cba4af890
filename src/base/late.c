/* Loads libraries when they are needed. */
#include "backlogctl/late.h"

#ifndef LATE_IS_LINKED
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

int late_load(const struct late_library *library, struct error *err)
{
    if (library->places[0])
        return 0;
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return error_set(err, ELIBACC, "cannot load what this takes: %.200s", dlerror());
    for (size_t i = 0; i < library->count; i++) {
        library->places[i] = dlsym(handle, library->names[i]);
        if (library->places[i])
            continue;
        memset(library->places, 0, library->count * sizeof *library->places);
        dlclose(handle);
        return error_set(err, ELIBACC, "%.60s has no %.60s: it is of another version", library->file, library->names[i]);
    }
    return 0;
}
#endif
