/* Which listeners a live view lists, in which order, and which of them is selected. */
#include "live.h"

#include "backlogctl/escape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int live_by_address(const struct listener *a, const struct listener *b)
{
    bool a_named = !has_handshake((enum socket_kind)a->kind), b_named = !has_handshake((enum socket_kind)b->kind);
    return a_named != b_named ? a_named - b_named : report_compare(FIGURE_ADDRESS, a, b);
}

static int compare(const void *left, const void *right, void *context)
{
    const struct live *live = context;
    const struct live_owner *owner = live->owner;
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    const struct listener *one = owner->listener(live->context, a), *other = owner->listener(live->context, b);
    int order = owner->always ? owner->always(live->context, a, b) : 0;
    if (order)
        return order;
    order = owner->compare(live->context, a, b);
    order = live->reverse ? -order : order;
    if (!order)
        order = live_by_address(one, other);
    return order ? order : one->cookie < other->cookie ? -1 : one->cookie > other->cookie;
}

static bool matches(const struct live *live, const struct listener *listener)
{
    char place[REPORT_PLACE_SIZE], shown[REPORT_PLACE_SIZE], process[ESCAPED_SIZE(sizeof listener->process)];
    terminal_text(report_place(listener, place), shown, sizeof shown);
    terminal_text(listener->process, process, sizeof process);
    return !*live->filter || strcasestr(shown, live->filter) || strcasestr(process, live->filter);
}

static void select_place(struct live *live, size_t place)
{
    const struct listener *listener = place < live->shown ? live->owner->listener(live->context, live->order[place]) : NULL;
    live->place = place;
    live->cookie = listener ? listener->cookie : 0;
    live->netns = listener ? listener->netns : 0;
    if (live->owner->aim)
        live->owner->aim(live->context);
}

void live_choose(struct live *live, size_t place)
{
    live->chosen = live->shown;
    select_place(live, place);
}

int live_arrange(struct live *live)
{
    size_t count = live->owner->count(live->context), *order = realloc(live->order, (count + 1) * sizeof *order), place = 0;
    if (!order)
        return -ENOMEM;
    live->order = order;
    live->shown = 0;
    for (size_t i = 0; i < count; i++) {
        const struct listener *listener = live->owner->listener(live->context, i);
        if (listener && matches(live, listener))
            order[live->shown++] = i;
    }
    qsort_r(order, live->shown, sizeof *order, compare, live);
    bool found = false;
    for (size_t i = 0; i < live->shown && live->chosen && !found; i++) {
        const struct listener *listener = live->owner->listener(live->context, order[i]);
        found = listener->cookie == live->cookie && listener->netns == live->netns;
        place = found ? i : 0;
    }
    live->chosen = found;
    select_place(live, place);
    return 0;
}

struct frame_view live_view(const struct live *live, const char *sort_name)
{
    return (struct frame_view){.order = live->order,
                               .count = live->shown,
                               .selected = live->place,
                               .filter = live->filter,
                               .sort_name = sort_name,
                               .typing = live->typing,
                               .paused = live->paused,
                               .reverse = live->reverse,
                               .help = live->help};
}
