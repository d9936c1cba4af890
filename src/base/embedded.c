/* Finding a file that is part of the program. */
#include "backlogctl/embedded.h"

#include <string.h>

const char *embedded_find(const struct embedded *files, const char *name)
{
    for (; files->name; files++)
        if (!strcmp(files->name, name))
            return files->text;
    return "";
}
