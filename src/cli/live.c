/* The screen and the keys of a live view. */
#include "live.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void resize_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGWINCH);
}

bool live_has_terminal(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

void live_block_signals(const struct live *live)
{
    sigset_t set;
    resize_set(&set);
    loop_block_signals();
    if (live->wanted)
        sigprocmask(SIG_BLOCK, &set, NULL);
}

void live_draw(struct live *live)
{
    live->owner->draw(live->context);
    screen_draw(live->screen, &live->frame);
}

static void fail(struct live *live, const struct error *err)
{
    live->owner->fail(live->context, err);
}

/* ---- Keys ---- */

static void arrange(struct live *live)
{
    if (live_arrange(live))
        fail(live, &(struct error){.code = ENOMEM, .text = "no memory"});
}

static void type(struct live *live, int key)
{
    size_t length = strlen(live->filter);
    if (key == KEY_IS_ENTER || key == KEY_IS_ESCAPE)
        live->typing = false;
    if (key == KEY_IS_ESCAPE) {
        live->filter[0] = '\0';
    } else if (key == KEY_IS_BACKSPACE && length) {
        live->filter[length - 1] = '\0';
    } else if (key >= ' ' && key <= '~' && length + 1 < sizeof live->filter) {
        live->filter[length] = (char)key;
        live->filter[length + 1] = '\0';
    }
    arrange(live);
}

static void move(struct live *live, long by)
{
    long place = (long)live->place + by, last = (long)live->shown - 1;
    live_choose(live, (size_t)(place < 0 || last < 0 ? 0 : place > last ? last : place));
}

/* True when the key was one that moves. */
static bool move_by_key(struct live *live, int key)
{
    long page = live->frame.listed > 1 ? (long)live->frame.listed - 1 : 1, all = (long)live->shown;
    const struct {
        int key;
        long by;
    } moves[] = {{'j', 1},         {KEY_IS_DOWN, 1},         {'k', -1},
                 {KEY_IS_UP, -1},  {KEY_IS_PAGE_DOWN, page}, {KEY_IS_PAGE_UP, -page},
                 {'g', -all},      {KEY_IS_HOME, -all},      {'G', all},
                 {KEY_IS_END, all}};
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (moves[i].key == key) {
            move(live, moves[i].by);
            return true;
        }
    return false;
}

/* The looking goes on; what is shown stands still. */
static void pause_or_go_on(struct live *live)
{
    if (live->paused)
        live->owner->go_on(live->context);
    live->paused = !live->paused && live->owner->pause(live->context);
}

static void command_key(struct live *live, int key)
{
    if (live->help || key == '?') {
        live->help = !live->help;
        return;
    }
    if (move_by_key(live, key))
        return;
    if (key == 'q')
        loop_stop(live->loop);
    else if (key == 's')
        live->sort = (live->sort + 1) % live->owner->sorts, live->reverse = false;
    else if (key == 'r')
        live->reverse = !live->reverse;
    else if (key == '/')
        live->typing = true;
    else if (key == KEY_IS_ESCAPE)
        live->filter[0] = '\0';
    else if (key == 'p' || key == ' ')
        pause_or_go_on(live);
    else if (live->owner->key)
        live->owner->key(live->context, key);
    arrange(live);
}

static void keys_ready(struct loop_source *source, uint32_t events)
{
    struct live *live = (struct live *)((char *)source - offsetof(struct live, keys));
    int key, got = 0;
    while (live->screen && (key = screen_read_key(live->screen)) != KEY_IS_NONE) {
        got++;
        if (key == KEY_IS_OTHER)
            continue;
        if (live->typing)
            type(live, key);
        else
            command_key(live, key);
    }
    if (!got && events & (EPOLLHUP | EPOLLERR))
        fail(live, &(struct error){.code = EIO, .text = "the terminal has gone"});
    if (live->screen)
        live_draw(live);
}

/* ---- The screen ---- */

static int fit_frame(struct live *live, bool resized)
{
    int rows, columns;
    screen_size(live->screen, resized, &rows, &columns);
    struct frame_line *lines = realloc(live->frame.lines, ((size_t)rows + 1) * sizeof *lines);
    if (!lines)
        return -ENOMEM;
    live->frame = (struct frame){.lines = lines, .rows = (size_t)rows, .columns = columns, .utf8 = screen_utf8(live->screen)};
    return 0;
}

static void resize_ready(struct loop_source *source, uint32_t events)
{
    struct live *live = (struct live *)((char *)source - offsetof(struct live, resized));
    struct signalfd_siginfo info;
    (void)events;
    while (read(source->fd, &info, sizeof info) == sizeof info)
        ;
    if (fit_frame(live, true))
        fail(live, &(struct error){.code = ENOMEM, .text = "no memory for the screen"});
    else
        live_draw(live);
}

int live_open(struct live *live, bool color, struct error *err)
{
    sigset_t set;
    resize_set(&set);
    live->keys = (struct loop_source){.ready = keys_ready, .fd = STDIN_FILENO};
    live->resized = (struct loop_source){.ready = resize_ready, .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (live->resized.fd < 0)
        return error_errno(err, "signalfd");
    int status = screen_open(&live->screen, color, err);
    if (!status && fit_frame(live, false))
        status = error_set(err, ENOMEM, "no memory for the screen");
    if (!status)
        status = loop_add(live->loop, &live->keys, EPOLLIN, err);
    if (!status)
        status = loop_add(live->loop, &live->resized, EPOLLIN, err);
    if (status)
        live_close(live);
    return status;
}

void live_close(struct live *live)
{
    if (live->screen)
        loop_remove(live->loop, &live->keys);
    loop_remove(live->loop, &live->resized);
    fd_close(&live->resized.fd);
    screen_close(live->screen);
    live->screen = NULL;
    free(live->frame.lines);
    live->frame = (struct frame){0};
}
