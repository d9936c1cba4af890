/* What observe makes of its sights: datagrams of destroyed sockets, children in lists, listeners that go, in any order. */
#include "printed.h"

#include "engine/follower_rows.h"

#include "backlogctl/judge.h"
#include "backlogctl/report.h"

#include <stdlib.h>
#include <string.h>

#define PORT 80
#define STEPS_MAX 4096

static void each_end(void *context, const struct diag_socket *socket)
{
    rows_end(context, socket);
}

/* Of few, so that they meet again. */
static struct diag_socket draw_socket(struct bytes *bytes)
{
    uint8_t one = draw_byte(bytes), two = draw_byte(bytes), three = draw_byte(bytes);
    struct diag_socket socket = {.family = one & 1 ? AF_INET6 : AF_INET,
                                 .state = two % STATE_COUNT,
                                 .cookie = 1 + one / 2 % 16,
                                 .inode = one >> 6 & 1,
                                 .is_whole = one >> 7,
                                 .has_info = two >> 4 & 1,
                                 .segments_in = two >> 5 & 1,
                                 .last_data_sent_ms = two >> 6 ? three : 0};
    socket.local = (struct endpoint){.family = socket.family, .port = PORT, .bytes = {127, 0, 0, 1}};
    socket.remote = (struct endpoint){.family = socket.family, .port = three % 4, .bytes = {127, 0, 0, three / 4 % 4}};
    return socket;
}

static void begin_look(struct follower *f)
{
    f->look++;
    f->seen_from = f->o->row_count;
    f->spans[f->look % LOOK_SPANS] = (struct look_span){.begin = f->now};
}

static void end_look(struct follower *f)
{
    f->spans[f->look % LOOK_SPANS].end = f->now;
    if (f->look == 1)
        f->first = f->spans[1];
    rows_count(f);
    rows_miss(f);
    f->drained = f->now;
}

static void change_listener(struct follower *f, struct observed_listener *l, uint8_t how)
{
    l->facts.queue = how / 4;
    f->rivals.count = how >> 7;
    l->gone = how % 4 == 3;
    if (l->gone)
        l->gone_at = f->now;
    else if (how % 4 == 2)
        l->back_at = f->now;
}

static void step(struct follower *f, struct bytes *bytes)
{
    struct diag_socket socket;
    uint8_t what = draw_byte(bytes);
    f->now += (nsec)(what / 8) * NSEC_PER_MSEC;
    switch (what % 8) {
    case 0: {
        struct bytes part = draw_part(bytes);
        struct exact copy = exact_copy(part, what / 8 % 4);
        MUST(destroyed_parse(copy.bytes, part.left, each_end, f) <= part.left / 16);
        free(copy.memory);
        break;
    }
    case 1:
    case 2:
        socket = draw_socket(bytes);
        rows_end(f, &socket);
        break;
    case 3:
        end_look(f);
        begin_look(f);
        break;
    case 4:
        change_listener(f, &f->o->listeners[what / 8 % 2], draw_byte(bytes));
        break;
    default:
        socket = draw_socket(bytes);
        rows_see(f, &socket);
        break;
    }
}

static void check_moments(uint64_t min, uint64_t max)
{
    MUST(max == MOMENT_NONE || min == MOMENT_NONE || min <= max);
}

static void check(const struct observation *o)
{
    uint64_t counted = 0, told = 0;
    for (size_t i = 0; i < o->row_count; i++) {
        const struct observed *row = &o->rows[i];
        if (row->before)
            continue;
        told++;
        MUST(row->state < OBSERVED_STATE_COUNT && row->local < o->local_count && row->listener < o->listener_count);
        check_moments(row->half_min, row->half_max);
        check_moments(row->entered_min, row->entered_max);
        check_moments(row->accepted_min, row->accepted_max);
        check_moments(row->closed_min, row->closed_max);
        MUST(row->accepted_max == MOMENT_NONE || row->entered_max != MOMENT_NONE);
        MUST(row->state != OBSERVED_ACCEPTED || row->accepted_max != MOMENT_NONE);
        MUST(row->state != OBSERVED_CLOSED || row->closed_max != MOMENT_NONE);
        MUST(row->sight != SIGHT_DESTROYED || row->accepted_max != MOMENT_NONE);
    }
    for (enum observed_state s = 0; s < OBSERVED_STATE_COUNT; s++)
        counted += o->counts[s];
    MUST(counted == told);
}

static void print(const struct observation *o)
{
    struct printed printed;
    FILE *out = print_begin(&printed);
    MUST(!report_observation_json(out, o));
    print_end(&printed, out);
    must_be_json(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    report_observation_text(out, o, &(struct report_style){.columns = 60});
    print_end(&printed, out);
    must_be_text(&printed, false);
    print_free(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    struct observation o = {.listener_count = 2, .listeners = calloc(2, sizeof *o.listeners)};
    struct rival rival = {.local = {.family = AF_INET, .port = PORT, .bytes = {127, 0, 0, 1}}, .family = AF_INET};
    struct follower f = {.o = &o, .rivals.all = &rival, .now = NSEC_PER_SEC, .grain = 5 * NSEC_PER_MSEC, .epoch = NSEC_PER_SEC};
    MUST(o.listeners);
    o.listeners[0].facts = (struct listener){.family = AF_INET, .local = {.family = AF_INET, .port = PORT}};
    o.listeners[1].facts = (struct listener){.family = AF_INET6, .local = {.family = AF_INET6, .port = PORT}};
    listeners_place(&f);
    begin_look(&f);
    for (size_t i = 0; bytes.left && i < STEPS_MAX; i++)
        step(&f, &bytes);
    end_look(&f);
    rows_settle(&f);
    judge_observation(&o, &(struct overflow_span){0});
    check(&o);
    print(&o);
    free(f.table.slots);
    observation_release(&o);
    return 0;
}
