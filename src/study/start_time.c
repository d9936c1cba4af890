/* Beginning at a moment of the wall clock, so that several hosts begin together. */
#include "experiment_internal.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct start {
    struct experiment *x;
    struct loop_source alarm;
    struct error err;
};

/* Who sets the clock cancels it (timerfd_create(2)). */
static int set_alarm(struct start *start)
{
    nsec at = start->x->plan->probe.start_at;
    struct itimerspec when = {.it_value = {.tv_sec = at / NSEC_PER_SEC, .tv_nsec = at % NSEC_PER_SEC}};
    if (timerfd_settime(start->alarm.fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL))
        return error_errno(&start->err, "cannot wait for --start-at");
    return 0;
}

static void alarm_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct start *start = (struct start *)((char *)source - offsetof(struct start, alarm));
    uint64_t expirations;
    if (read(source->fd, &expirations, sizeof expirations) < 0 && errno == ECANCELED) {
        start->x->run.start.clock_set++;
        if (!set_alarm(start))
            return;
    }
    if (clock_wall() >= start->x->plan->probe.start_at || start->err.code)
        loop_stop(&start->x->loop);
}

int start_wait(struct experiment *x, struct error *err)
{
    struct start start = {.x = x, .alarm.ready = alarm_ready};
    if (!x->plan->probe.start_at)
        return 0;
    start.alarm.fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (start.alarm.fd < 0)
        return error_errno(err, "cannot wait for --start-at");
    int status = set_alarm(&start);
    if (!status)
        status = loop_add(&x->loop, &start.alarm, EPOLLIN, &start.err);
    if (!status)
        status = loop_run(&x->loop, NSEC_NEVER, &start.err);
    loop_remove(&x->loop, &start.alarm);
    fd_close(&start.alarm.fd);
    return start.err.code ? error_set(err, start.err.code, "%s", start.err.text) : status;
}

void start_note(struct experiment *x)
{
    if (!x->plan->probe.start_at)
        return;
    nsec late = x->epoch + clock_realtime_offset() - x->plan->probe.start_at;
    x->run.start.late = late > 0 ? late : 0; /* less: the clock was set back just now */
    x->run.start.clock = clock_quality();
}
