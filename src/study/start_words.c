/* The words of a command with {backlog} and {port} replaced. */
#include "start_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct filling {
    char backlog[16], port[8];
};

static struct filling filling_of(int32_t backlog, uint16_t port)
{
    struct filling f;
    snprintf(f.backlog, sizeof f.backlog, "%" PRId32, backlog);
    snprintf(f.port, sizeof f.port, "%" PRIu16, port);
    return f;
}

/* Writes `text` filled in, unless `out` is NULL; returns its size with the end. */
static size_t fill(const struct filling *f, const char *text, char *out)
{
    size_t size = 0;
    while (*text) {
        const char *value = !strncmp(text, BACKLOG_WORD, sizeof BACKLOG_WORD - 1) ? f->backlog
                            : !strncmp(text, PORT_WORD, sizeof PORT_WORD - 1)     ? f->port
                                                                                  : NULL;
        size_t length = value ? strlen(value) : 1;
        if (out)
            memcpy(out + size, value ? value : text, length);
        text += !value ? 1 : value == f->port ? sizeof PORT_WORD - 1 : sizeof BACKLOG_WORD - 1;
        size += length;
    }
    if (out)
        out[size] = '\0';
    return size + 1;
}

/* The texts of two lists, those of the first as they are. */
static char **fill_all(const struct filling *f, char *const *plain, size_t plain_count, const char *const *texts, size_t count)
{
    size_t size = (plain_count + count + 1) * sizeof(char *);
    for (size_t i = 0; i < plain_count; i++)
        size += strlen(plain[i]) + 1;
    for (size_t i = 0; i < count; i++)
        size += fill(f, texts[i], NULL);
    char **out = malloc(size);
    if (!out)
        return NULL;
    char *end = (char *)(out + plain_count + count + 1);
    for (size_t i = 0; i < plain_count; i++) {
        out[i] = end;
        end = stpcpy(end, plain[i]) + 1;
    }
    for (size_t i = 0; i < count; i++) {
        out[plain_count + i] = end;
        end += fill(f, texts[i], end);
    }
    out[plain_count + count] = NULL;
    return out;
}

static size_t count_words(char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return count;
}

bool start_words_have(char *const *words, const struct environment *environment, const char *what)
{
    for (size_t i = 0; words[i]; i++)
        if (strstr(words[i], what))
            return true;
    for (size_t i = 0; i < environment->count; i++)
        if (strstr(environment->list[i], what))
            return true;
    return false;
}

enum backlog_way start_plan_way(const struct start_plan *plan)
{
    if (start_words_have(plan->words, &plan->environment, BACKLOG_WORD))
        return BACKLOG_WORD_GIVEN;
    return plan->has_backlog ? BACKLOG_LISTEN : BACKLOG_OWN;
}

char **start_words_fill(char *const *words, int32_t backlog, uint16_t port)
{
    struct filling f = filling_of(backlog, port);
    return fill_all(&f, NULL, 0, (const char *const *)words, count_words(words));
}

static bool is_replaced(const char *variable, const struct environment *environment)
{
    size_t length = strcspn(variable, "=");
    for (size_t i = 0; i < environment->count; i++)
        if (!strncmp(environment->list[i], variable, length) && environment->list[i][length] == '=')
            return true;
    return false;
}

char **start_environment_fill(const struct environment *environment, int32_t backlog, uint16_t port)
{
    struct filling f = filling_of(backlog, port);
    size_t count = count_words(environ), kept = 0;
    char **plain = calloc(count + 1, sizeof *plain);
    for (size_t i = 0; i < count && plain; i++)
        if (!is_replaced(environ[i], environment))
            plain[kept++] = environ[i];
    char **out = plain ? fill_all(&f, plain, kept, environment->list, environment->count) : NULL;
    free(plain);
    return out;
}
