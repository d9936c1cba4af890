/* "connected=1,queued>=3" to expectations. */
#include "backlogctl/options.h"

#include "backlogctl/closest.h"
#include "backlogctl/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TERM_SIZE 96

static const char *example(enum measures kind)
{
    return kind != MEASURES_OF_BURST ? "queue<=10" : "queued=3";
}

/* Longest first, so that "<=" is not read as "<". What is printed is the shorter of two that mean the same. */
static const struct {
    const char *text;
    enum compare compare;
} operators[] = {
    {"!=", COMPARE_NE}, {"<=", COMPARE_LE}, {">=", COMPARE_GE}, {"==", COMPARE_EQ},
    {"=", COMPARE_EQ},  {"<", COMPARE_LT},  {">", COMPARE_GT},
};

static int find_measure(const char *name, enum measures kind, struct error *err)
{
    char all[256] = "";
    int measure = measure_find(name, kind);
    if (measure >= 0)
        return measure;
    struct closest closest = {.typed = name};
    char hint[CLOSEST_HINT_SIZE];
    for (size_t m = 0; m < MEASURE_COUNT; m++)
        if (measure_is_of(m, kind)) {
            closest_try(&closest, measure_name(m));
            snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", *all ? ", " : "", measure_name(m));
        }
    return error_set(err, EINVAL, "'%s' is no measure%s: want one of %s", name, closest_hint(&closest, "", hint), all);
}

/* One "measure OP number", without blanks. */
static int parse_term(const char *term, enum measures kind, struct expectation *out, struct error *err)
{
    size_t name_length = strcspn(term, "!<>=");
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t operator_length = strlen(operators[i].text);
        if (strncmp(term + name_length, operators[i].text, operator_length))
            continue;
        char name[TERM_SIZE];
        snprintf(name, sizeof name, "%.*s", (int)name_length, term);
        int measure = find_measure(name, kind, err);
        if (measure < 0)
            return measure;
        struct error why = {0};
        const char *number = term + name_length + operator_length;
        if (parse_count(number, 0, INT64_C(1) << 53, &out->expected, &why))
            return error_set(err, EINVAL, "'%s' behind %s%s: %s", number, name, operators[i].text, why.text);
        out->measure = (uint8_t)measure;
        out->compare = (uint8_t)operators[i].compare;
        snprintf(out->text, sizeof out->text, "%s%s%lld", measure_name((size_t)measure),
                 out->compare == COMPARE_EQ ? "=" : operators[i].text, (long long)out->expected);
        return 0;
    }
    return error_set(err, EINVAL, "'%s' compares nothing: want MEASURE OP NUMBER with = != < <= > or >=, such as %s", term,
                     example(kind));
}

int expectations_parse(const char *text, enum measures kind, struct expectations *out, struct error *err)
{
    for (const char *p = text;; p++) {
        char term[TERM_SIZE];
        size_t length = 0;
        for (; *p && *p != ','; p++)
            if (!strchr(" \t\n", *p) && length < sizeof term - 1)
                term[length++] = *p;
        term[length] = '\0';
        if (!length)
            return error_set(err, EINVAL, "an expectation is empty: want MEASURE OP NUMBER, such as %s", example(kind));
        if (length == sizeof term - 1)
            return error_set(err, EINVAL, "'%.20s...' is too long: want MEASURE OP NUMBER, such as %s", term, example(kind));
        if (out->count == EXPECTATIONS_MAX)
            return error_set(err, EINVAL, "want at most %d expectations", EXPECTATIONS_MAX);
        struct expectation parsed = {0};
        int status = parse_term(term, kind, &parsed, err);
        if (status)
            return status;
        out->list[out->count++] = parsed;
        if (!*p)
            return 0;
    }
}
