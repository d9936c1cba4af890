/* A program in a real terminal. */
#include "terminal.h"

#include "report.h"
#include "suite.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *terminal_tmux(const struct terminal *t, const char *format, ...)
{
    char command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return shell("tmux -S %s/socket %s", t->folder, command);
}

void terminal_open(struct terminal *t, const char *before, const char *words)
{
    need_program("tmux");
    snprintf(t->folder, sizeof t->folder, "/tmp/backlogctl-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t->folder));
    char socket_path[96];
    snprintf(socket_path, sizeof socket_path, "%s/socket", t->folder);
    static const char *const environment[] = {"LC_ALL=C.UTF-8", "SHELL=/bin/sh", "NO_COLOR=", "TMUX=", NULL};
    struct process_setup setup = {.env = environment};
    t->server = process_start((const char *[]){"tmux", "-D", "-u", "-S", socket_path, "-f", "/dev/null", NULL}, &setup);
    struct stat status;
    for (nsec end = clock_now() + PATIENCE; stat(socket_path, &status) && clock_now() < end;)
        usleep(20000);
    free(terminal_tmux(t,
                       "new-session -d -x 80 -y 24 \"trap : INT; echo this was here before; %s %s %s 2>%s/stderr; echo "
                       "status \\$?; "
                       "cat %s/stderr; exec sleep infinity\"",
                       before, BACKLOGCTL, words, t->folder, t->folder));
}

void terminal_close(struct terminal *t)
{
    process_signal(&t->server, SIGTERM);
    struct outcome outcome = process_finish(&t->server, PATIENCE);
    outcome_free(&outcome);
    free(shell("rm -rf %s", t->folder));
}

char *terminal_screen(const struct terminal *t)
{
    return terminal_tmux(t, "capture-pane -p -J");
}

char *await_screen(const struct terminal *t, const char *part, bool absent)
{
    char *screen = NULL;
    for (nsec end = clock_now() + PATIENCE; clock_now() < end; usleep(20000)) {
        free(screen);
        screen = terminal_screen(t);
        if ((strstr(screen, part) != NULL) != absent)
            return screen;
    }
    ck_abort_msg("%s '%s' in:\n%s", absent ? "still" : "never", part, screen);
}

void await_text(const struct terminal *t, const char *part)
{
    free(await_screen(t, part, false));
}

void await_standstill(const struct terminal *t)
{
    char *now = terminal_screen(t), *before = NULL;
    for (nsec end = clock_now() + PATIENCE; !before || strcmp(before, now);) {
        ck_assert_msg(clock_now() < end, "still moves:\n%s", now);
        free(before);
        before = now;
        usleep(700000);
        now = terminal_screen(t);
    }
    free(before);
    free(now);
}

void terminal_type(const struct terminal *t, const char *keys)
{
    free(terminal_tmux(t, "send-keys %s", keys));
}

size_t lines_in(const char *text)
{
    size_t lines = 1;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

void terminal_signal(const struct terminal *t, const char *signal)
{
    free(shell("kill %s $(cat /proc/$(tmux -S %s/socket display -p '#{pane_pid}')/task/*/children)", signal, t->folder));
}

void terminal_resize(const struct terminal *t, int columns, size_t rows, const char *head, const char *foot, const char *part)
{
    char *screen = NULL;
    bool fits = false;
    free(terminal_tmux(t, "resize-window -x %d -y %zu", columns, rows));
    for (nsec end = clock_now() + PATIENCE; !fits && clock_now() < end; usleep(20000)) {
        free(screen);
        screen = terminal_screen(t);
        const char *keys = strstr(screen, foot), *title = strstr(screen, head);
        fits = keys && title && lines_in(screen) == rows && !strchr(keys, '\n') && strstr(screen, part);
    }
    ck_assert_msg(fits, "%dx%zu:\n%s", columns, rows, screen);
    free(screen);
}
