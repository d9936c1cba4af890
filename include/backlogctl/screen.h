/* Puts frames on a terminal and reads keys, through ncurses. */
#ifndef BACKLOGCTL_SCREEN_H
#define BACKLOGCTL_SCREEN_H

#include "backlogctl/report.h"

struct screen; /* one at a time: ncurses has one of its own */

/* Whether there is a description of the terminal that TERM names (terminfo(5)). */
bool screen_is_known(void);

/* stdin and stdout are a terminal. 0, or -ENOTTY when it cannot be driven (TERM). */
int screen_open(struct screen **out, bool color, struct error *err);

/* The terminal's size; to be asked again after SIGWINCH, with `resized`. */
void screen_size(struct screen *screen, bool resized, int *rows, int *columns);

/* Whether blocks can be shown. */
bool screen_utf8(const struct screen *screen);

void screen_draw(struct screen *screen, const struct frame *frame);

enum screen_key {
    KEY_IS_NONE = -1, /* no more keys for now */
    KEY_IS_OTHER = 256,
    KEY_IS_UP,
    KEY_IS_DOWN,
    KEY_IS_PAGE_UP,
    KEY_IS_PAGE_DOWN,
    KEY_IS_HOME,
    KEY_IS_END,
    KEY_IS_ENTER,
    KEY_IS_ESCAPE,
    KEY_IS_BACKSPACE,
};

/* The next key: a character below 256, or one of the above. */
int screen_read_key(struct screen *screen);

/* Gives the terminal back as it was. NULL is fine. */
void screen_close(struct screen *screen);

#endif
