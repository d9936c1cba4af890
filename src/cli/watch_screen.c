/* The live view of watch: keys in, frames out. */
#include "watch_screen.h"

#include "watch_order.h"

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

void watch_block_signals(const struct watch_run *run)
{
    sigset_t set;
    resize_set(&set);
    loop_block_signals();
    if (run->wants_screen)
        sigprocmask(SIG_BLOCK, &set, NULL);
}

void watch_draw(struct watch_run *run)
{
    struct watch_view view = {.order = run->order,
                              .count = run->shown,
                              .selected = run->place,
                              .filter = run->filter,
                              .sort_name = watch_sort_name(run),
                              .not_sampled = run->not_sampled.code ? run->not_sampled.text : NULL,
                              .typing = run->typing,
                              .paused = run->paused,
                              .reverse = run->reverse,
                              .help = run->help};
    report_watch_frame(&run->frame, watch_shown(run), &view);
    screen_draw(run->screen, &run->frame);
}

/* ---- Keys ---- */

static void arrange(struct watch_run *run)
{
    if (watch_arrange(run))
        watch_fail(run, &(struct error){.code = ENOMEM, .text = "no memory"});
}

static void type(struct watch_run *run, int key)
{
    size_t length = strlen(run->filter);
    if (key == KEY_IS_ENTER || key == KEY_IS_ESCAPE)
        run->typing = false;
    if (key == KEY_IS_ESCAPE) {
        run->filter[0] = '\0';
    } else if (key == KEY_IS_BACKSPACE && length) {
        run->filter[length - 1] = '\0';
    } else if (key >= ' ' && key <= '~' && length + 1 < sizeof run->filter) {
        run->filter[length] = (char)key;
        run->filter[length + 1] = '\0';
    }
    arrange(run);
}

static void move(struct watch_run *run, long by)
{
    long place = (long)run->place + by, last = (long)run->shown - 1;
    watch_choose(run, (size_t)(place < 0 || last < 0 ? 0 : place > last ? last : place));
}

/* True when the key was one that moves. */
static bool move_by_key(struct watch_run *run, int key)
{
    long page = run->frame.listed > 1 ? (long)run->frame.listed - 1 : 1, all = (long)run->shown;
    const struct {
        int key;
        long by;
    } moves[] = {{'j', 1},         {KEY_IS_DOWN, 1},         {'k', -1},
                 {KEY_IS_UP, -1},  {KEY_IS_PAGE_DOWN, page}, {KEY_IS_PAGE_UP, -page},
                 {'g', -all},      {KEY_IS_HOME, -all},      {'G', all},
                 {KEY_IS_END, all}};
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (moves[i].key == key) {
            move(run, moves[i].by);
            return true;
        }
    return false;
}

/* The looking goes on; what is shown stands still. */
static void pause_or_go_on(struct watch_run *run)
{
    watcher_release(&run->still);
    run->paused = !run->paused && !watcher_copy(&run->still, &run->w);
}

static void command_key(struct watch_run *run, int key)
{
    if (run->help || key == '?') {
        run->help = !run->help;
        return;
    }
    if (move_by_key(run, key))
        return;
    if (key == 'q')
        loop_stop(&run->loop);
    else if (key == 's')
        watch_next_sort(run);
    else if (key == 'r')
        run->reverse = !run->reverse;
    else if (key == '/')
        run->typing = true;
    else if (key == KEY_IS_ESCAPE)
        run->filter[0] = '\0';
    else if (key == 'p' || key == ' ')
        pause_or_go_on(run);
    arrange(run);
}

static void keys_ready(struct loop_source *source, uint32_t events)
{
    struct watch_run *run = (struct watch_run *)((char *)source - offsetof(struct watch_run, keys));
    int key, got = 0;
    while (run->screen && (key = screen_read_key(run->screen)) != KEY_IS_NONE) {
        got++;
        if (key == KEY_IS_OTHER)
            continue;
        if (run->typing)
            type(run, key);
        else
            command_key(run, key);
    }
    if (!got && events & (EPOLLHUP | EPOLLERR))
        watch_fail(run, &(struct error){.code = EIO, .text = "the terminal has gone"});
    if (run->screen)
        watch_draw(run);
}

/* ---- The screen ---- */

static int fit_frame(struct watch_run *run, bool resized)
{
    int rows, columns;
    screen_size(run->screen, resized, &rows, &columns);
    struct frame_line *lines = realloc(run->frame.lines, ((size_t)rows + 1) * sizeof *lines);
    if (!lines)
        return -ENOMEM;
    run->frame = (struct frame){.lines = lines, .rows = (size_t)rows, .columns = columns, .utf8 = screen_utf8(run->screen)};
    return 0;
}

static void resize_ready(struct loop_source *source, uint32_t events)
{
    struct watch_run *run = (struct watch_run *)((char *)source - offsetof(struct watch_run, resized));
    struct signalfd_siginfo info;
    (void)events;
    while (read(source->fd, &info, sizeof info) == sizeof info)
        ;
    if (fit_frame(run, true))
        watch_fail(run, &(struct error){.code = ENOMEM, .text = "no memory for the screen"});
    else
        watch_draw(run);
}

int watch_screen_open(struct watch_run *run, struct error *err)
{
    sigset_t set;
    resize_set(&set);
    run->keys = (struct loop_source){.ready = keys_ready, .fd = STDIN_FILENO};
    run->resized = (struct loop_source){.ready = resize_ready, .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (run->resized.fd < 0)
        return error_errno(err, "signalfd");
    int status = screen_open(&run->screen, output_style(run->settings).color, err);
    if (!status && fit_frame(run, false))
        status = error_set(err, ENOMEM, "no memory for the screen");
    if (!status)
        status = loop_add(&run->loop, &run->keys, EPOLLIN, err);
    if (!status)
        status = loop_add(&run->loop, &run->resized, EPOLLIN, err);
    if (status)
        watch_screen_close(run);
    return status;
}

void watch_screen_close(struct watch_run *run)
{
    if (run->screen)
        loop_remove(&run->loop, &run->keys);
    loop_remove(&run->loop, &run->resized);
    fd_close(&run->resized.fd);
    screen_close(run->screen);
    run->screen = NULL;
    free(run->frame.lines);
    run->frame = (struct frame){0};
}
