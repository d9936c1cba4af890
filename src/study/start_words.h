/* The words of a command with {backlog} and {port} replaced. */
#ifndef STUDY_START_WORDS_H
#define STUDY_START_WORDS_H

#include "backlogctl/experiment.h"

#include <stdint.h>

#define BACKLOG_WORD "{backlog}"
#define PORT_WORD "{port}"

/* How a server that is started gets its backlog. */
enum backlog_way start_plan_way(const struct start_plan *plan);

/* Whether a word, or the value of a variable, has `what`. */
bool start_words_have(char *const *words, const struct environment *environment, const char *what);

/* A copy of `words`, malloc'ed in one piece, NULL at the end; NULL: no memory. */
char **start_words_fill(char *const *words, int32_t backlog, uint16_t port);

/* The same of this process's environment with the variables added, or changed; NULL: no memory. */
char **start_environment_fill(const struct environment *environment, int32_t backlog, uint16_t port);

#endif
