/* The word that a mistyped one is nearest to: what "did you mean" is said of. */
#ifndef BACKLOGCTL_CLOSEST_H
#define BACKLOGCTL_CLOSEST_H

/* A search: {.typed = word}, then each word that there is. Those words have to outlive it. */
struct closest {
    const char *typed;
    const char *best; /* NULL: none is near */
    unsigned distance;
};
void closest_try(struct closest *closest, const char *word);

/* " (did you mean PREFIXword?)", or "" where nothing is near. Returns out. */
#define CLOSEST_HINT_SIZE 128
const char *closest_hint(const struct closest *closest, const char *prefix, char out[CLOSEST_HINT_SIZE]);

/* How many letters have to be put in, left out, replaced, or exchanged with the next one; '-' and '_' are the same, and so are letters of
   either case. Words of more than 63 bytes: UINT_MAX unless they are equal. */
unsigned edit_distance(const char *a, const char *b);

#endif
