/* The table of a listener's figures: their values, and finding them by name. Needs nothing but the model. */
#include "backlogctl/figures.h"

static inline struct figure_value known(uint64_t number)
{
    return (struct figure_value){.state = FIGURE_KNOWN, .number = number};
}

static inline struct figure_value known_if(bool is_known, uint64_t number)
{
    return is_known ? known(number) : (struct figure_value){FIGURE_UNKNOWN};
}

static inline struct figure_value bounds(const struct interval *interval)
{
    return (struct figure_value){.state = interval->known ? FIGURE_KNOWN : FIGURE_UNKNOWN,
                                 .number = interval->min,
                                 .most = interval->max};
}

/* NULL: nobody knows. */
static inline struct figure_value word(const char *text)
{
    return (struct figure_value){.state = text ? FIGURE_KNOWN : FIGURE_UNKNOWN, .text = text};
}

static inline bool nobody_waits(const struct listener *l)
{
    return has_handshake((enum socket_kind)l->kind) && (!l->queue || (l->waiting_known && !l->vanished));
}

/* Of those that wait: if nobody was found although they were looked for, it is none. */
static inline struct figure_value longest(bool found, bool looked, uint64_t number)
{
    return found ? known(number) : (struct figure_value){looked ? FIGURE_NONE : FIGURE_UNKNOWN};
}

#define VALUE(symbol, part, form, how, ...)                             \
    static struct figure_value value_##symbol(const struct listener *l) \
    {                                                                   \
        return how;                                                     \
    }
FIGURES(VALUE)

#define ROW(symbol, part_, form_, how, key_, ...) \
    [FIGURE_##symbol] = {.value = value_##symbol, .part = part_, .form = form_, .key = key_, __VA_ARGS__},
const struct figure figures[FIGURE_COUNT] = {FIGURES(ROW)};

struct figure_value figure_value(enum figure_id figure, const struct listener *listener)
{
    return figures[figure].value(listener);
}

static bool same_name(const char *typed, const char *name)
{
    while (*typed && (*typed == *name || (*typed == '-' && *name == '_')))
        typed++, name++;
    return !*typed && !*name;
}

const char *figure_column_name(size_t figure)
{
    const struct figure_column *column = figure < FIGURE_COUNT ? &figures[figure].column : NULL;
    return !column || !column->head ? NULL : column->name ? column->name : figures[figure].key;
}

int figure_find_column(const char *name)
{
    for (size_t f = 0; f < FIGURE_COUNT; f++)
        if (figures[f].column.head && same_name(name, figure_column_name(f)))
            return (int)f;
    return -1;
}

/* ---- Measures ---- */

#define OTHER(symbol, name, kinds) {name, kinds},
static const struct {
    const char *name;
    unsigned kinds;
} others[] = {OTHER_MEASURES(OTHER)};

enum figure_id measure_figure(size_t measure)
{
    return measure >= VERDICT_COUNT && measure < VERDICT_COUNT + FIGURE_COUNT ? (enum figure_id)(measure - VERDICT_COUNT)
                                                                              : FIGURE_COUNT;
}

const char *measure_name(size_t measure)
{
    if (measure < VERDICT_COUNT)
        return verdict_name((enum verdict)measure);
    enum figure_id figure = measure_figure(measure);
    if (figure < FIGURE_COUNT)
        return figures[figure].measure ? figures[figure].measure : figures[figure].key;
    return others[measure - MEASURE_LISTENERS].name;
}

unsigned measure_needs(size_t measure)
{
    enum figure_id figure = measure_figure(measure);
    return figure < FIGURE_COUNT ? figures[figure].needs : NEEDS_NOTHING;
}

bool measure_is_of(size_t measure, enum measures kind)
{
    enum figure_id figure = measure_figure(measure);
    unsigned kinds = measure < VERDICT_COUNT ? MEASURES_OF_BURST
                     : figure < FIGURE_COUNT ? figures[figure].measures
                                             : others[measure - MEASURE_LISTENERS].kinds;
    return kinds & kind;
}

int measure_find(const char *name, enum measures kind)
{
    for (size_t m = 0; m < MEASURE_COUNT; m++)
        if (measure_is_of(m, kind) && same_name(name, measure_name(m)))
            return (int)m;
    return -1;
}
