/* Beginning at a moment of the wall clock, so that several hosts begin together. */
#include "start_time.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct start {
    struct loop *loop;
    nsec at;
    struct run_start *facts;
    struct loop_source alarm;
    struct error err;
};

/* Who sets the clock cancels it (timerfd_create(2)). */
static int set_alarm(struct start *start)
{
    struct itimerspec when = {.it_value = {.tv_sec = start->at / NSEC_PER_SEC, .tv_nsec = start->at % NSEC_PER_SEC}};
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
        start->facts->clock_set++;
        if (!set_alarm(start))
            return;
    }
    if (clock_wall() >= start->at || start->err.code)
        loop_stop(start->loop);
}

int start_wait(struct loop *loop, nsec at, struct run_start *facts, struct error *err)
{
    struct start start = {.loop = loop, .at = at, .facts = facts, .alarm.ready = alarm_ready};
    if (!at)
        return 0;
    start.alarm.fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (start.alarm.fd < 0)
        return error_errno(err, "cannot wait for --start-at");
    int status = set_alarm(&start);
    if (!status)
        status = loop_add(loop, &start.alarm, EPOLLIN, &start.err);
    if (!status)
        status = loop_run(loop, NSEC_NEVER, &start.err);
    loop_remove(loop, &start.alarm);
    fd_close(&start.alarm.fd);
    return start.err.code ? error_set(err, start.err.code, "%s", start.err.text) : status;
}

void start_note(nsec epoch, nsec at, struct run_start *facts)
{
    if (!at)
        return;
    nsec late = epoch + clock_realtime_offset() - at;
    facts->late = late > 0 ? late : 0; /* less: the clock was set back just now */
    facts->clock = clock_quality();
}
