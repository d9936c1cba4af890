/* Files that are part of the program; CMakeLists.txt makes the tables of them. */
#ifndef BACKLOGCTL_EMBEDDED_H
#define BACKLOGCTL_EMBEDDED_H

struct embedded {
    const char *name; /* of the file, without folder and extension; NULL behind the last */
    const char *text;
};
extern const struct embedded embedded_completions[], embedded_schemas[];

/* The text of the file of this name, "" if there is none. */
const char *embedded_find(const struct embedded *files, const char *name);

#endif
