/* The kinds of values that options have, and the type of the field that each is read into. */
#ifndef CLI_SETTINGS_TAKES_H
#define CLI_SETTINGS_TAKES_H

#include "backlogctl/options.h"

#include <stddef.h>

#define OPTION_KINDS(X)                     \
    X(flag, bool)                           \
    X(text, const char *)                   \
    X(name, const char *)                   \
    X(file, const char *)                   \
    X(user, const char *)                   \
    X(host, const char *)                   \
    X(place, const char *)                  \
    X(path, const char *)                   \
    X(process, const char *)                \
    X(container, const char *)              \
    X(unit, const char *)                   \
    X(preset, const char *)                 \
    X(family, int)                          \
    X(port, uint16_t)                       \
    X(backlog, int32_t)                     \
    X(pid, pid_t)                           \
    X(netns, const char *)                  \
    X(u32, uint32_t)                        \
    X(i64, int64_t)                         \
    X(duration, nsec)                       \
    X(accept_rate, nsec)                    \
    X(freeze, enum freeze_method)           \
    X(color, enum color_mode)               \
    X(exact, enum exact_mode)               \
    X(address, struct endpoint)             \
    X(owned, struct endpoint)               \
    X(bound, struct survey_query)           \
    X(expectations, struct expectations)    \
    X(resize, struct resize_settings)       \
    X(varied, struct sweep_settings)        \
    X(varied_sysctl, struct sweep_settings) \
    X(columns, struct list_settings)        \
    X(sort, struct list_settings)           \
    X(sysctl, struct sysctl_list)           \
    X(environment, struct environment)      \
    X(sources, struct source_list)          \
    X(moment, nsec)                         \
    X(segment, struct segment)

/* option_u32 is the type, take_u32 what reads `text` (NULL for a flag) into *field, which is of that type. 0, or -EINVAL / -ERANGE
   with what is accepted. */
#define OPTION_KIND(kind, type) \
    typedef type option_##kind; \
    int take_##kind(const struct option_spec *spec, const char *text, void *field, struct error *err);
OPTION_KINDS(OPTION_KIND)

/* The words of those kinds that are one of a few; NULL at the end. */
extern const char *const freeze_words[], *const color_words[], *const exact_words[];

/* In a row of the option table: what reads the value, and the member of struct settings that it goes to. Does not compile unless
   the member has the type of the kind. */
#define READS(kind, member) \
    .take = _Generic(&((struct settings *)0)->member, option_##kind * : take_##kind), .field = offsetof(struct settings, member)

#endif
