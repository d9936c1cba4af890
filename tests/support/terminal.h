/* A program in a real terminal: tmux types the keys and shows what is on the screen. */
#ifndef TESTS_TERMINAL_H
#define TESTS_TERMINAL_H

#include "process.h"

/* A tmux server of the test's own, which dies with the test. */
struct terminal {
    struct process server;
    char folder[64];
};

/* A window of 80x24 in which the program runs with these words; `before` stands in front of it in the line, as env(1) does. Behind its
   end the window has "status N" and what it wrote to stderr. The test is skipped where there is no tmux. */
void terminal_open(struct terminal *t, const char *before, const char *words);
void terminal_close(struct terminal *t);

/* What tmux says to a command; malloc'ed. */
__attribute__((format(printf, 2, 3))) char *terminal_tmux(const struct terminal *t, const char *format, ...);

/* What is on the screen, with folded lines joined; malloc'ed. */
char *terminal_screen(const struct terminal *t);

/* The screen that has `part` (or, with `absent`, has it no more); malloc'ed. Fails the test when it never comes. */
char *await_screen(const struct terminal *t, const char *part, bool absent);
void await_text(const struct terminal *t, const char *part);
/* Until nothing changes any more for three intervals of 200 ms: as it does as long as it runs. */
void await_standstill(const struct terminal *t);

/* Keys by tmux's names. */
void terminal_type(const struct terminal *t, const char *keys);

/* Sends the program a signal, named as kill(1) takes it: "-TERM". */
void terminal_signal(const struct terminal *t, const char *signal);

size_t lines_in(const char *text);

/* Until the screen is that large: its first line has `head`, its last one `foot`, and it has `part`. */
void terminal_resize(const struct terminal *t, int columns, size_t rows, const char *head, const char *foot, const char *part);

#endif
