/* Frames on a terminal. */
#include "backlogctl/screen.h"

#include "backlogctl/error.h"
#include "backlogctl/late.h"

#define NCURSES_NOMACROS /* the functions themselves */
#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* clang-format off */
#define CURSES_NAMES(X) \
    X(newterm) X(stdscr) X(endwin) X(delscreen) X(set_escdelay) X(cbreak) X(noecho) X(nonl) X(nodelay) X(keypad) X(getch) \
    X(has_colors) X(start_color) X(use_default_colors) X(init_pair) X(COLOR_PAIR) X(PAIR_NUMBER) X(attrset) X(curs_set) \
    X(getmaxx) X(getmaxy) X(resize_term) X(clearok) X(erase) X(refresh) X(mvhline) X(mvaddnstr) X(mvaddnwstr) X(mvchgat)
/* clang-format on */
LATE_DECLARE(curses, CURSES_NAMES)
LATE_DEFINE(curses, "libncursesw.so.6", CURSES_NAMES)

#define ESCAPE_DELAY_MS 25

struct screen {
    SCREEN *terminal;
    bool utf8;
    attr_t attributes[FRAME_STYLES];
};

/* Without colours every style still differs from plain text where it matters. */
static void choose_attributes(struct screen *screen, bool color)
{
    static const struct {
        enum frame_style style;
        short color;
        attr_t with, without; /* attributes with and without colours */
    } styles[] = {
        {FRAME_BAR, -1, A_REVERSE, A_REVERSE},
        {FRAME_HEAD, COLOR_CYAN, A_BOLD, A_BOLD},
        {FRAME_SELECTED, -1, A_REVERSE, A_REVERSE},
        {FRAME_BOLD, -1, A_BOLD, A_BOLD},
        {FRAME_GOOD, COLOR_GREEN, 0, 0},
        {FRAME_WARNING, COLOR_YELLOW, 0, 0},
        {FRAME_ALARM, COLOR_RED, A_BOLD, A_BOLD},
        {FRAME_NEWS, COLOR_GREEN, 0, A_BOLD},
        {FRAME_DIM, COLOR_BLUE, 0, A_DIM},
    };
    color = color && curses.has_colors() && curses.start_color() == OK;
    if (color)
        curses.use_default_colors();
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        attr_t *attributes = &screen->attributes[styles[i].style];
        *attributes = color ? styles[i].with : styles[i].without;
        if (color && styles[i].color >= 0 && curses.init_pair((short)(i + 1), styles[i].color, -1) == OK)
            *attributes |= (attr_t)curses.COLOR_PAIR((int)i + 1);
    }
}

static int cannot(struct error *err)
{
    const char *term = getenv("TERM");
    return error_set(err, ENOTTY, "this terminal cannot be driven (TERM=%.40s)", term ? term : "");
}

int screen_open(struct screen **out, bool color, struct error *err)
{
    const char *term = getenv("TERM");
    if (!term || !*term || !strcmp(term, "dumb"))
        return cannot(err);
    int status = curses_load(err);
    if (status)
        return status;
    if (!screen_is_known())
        return cannot(err);
    struct screen *screen = calloc(1, sizeof *screen);
    if (!screen)
        return error_set(err, ENOMEM, "no memory for the screen");
    screen->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
    screen->terminal = curses.newterm(NULL, stdout, stdin);
    if (!screen->terminal) {
        free(screen);
        return cannot(err);
    }
    curses.cbreak();
    curses.noecho();
    curses.nonl();
    curses.nodelay(*curses.stdscr, true);
    curses.keypad(*curses.stdscr, true);
    curses.set_escdelay(ESCAPE_DELAY_MS);
    curses.curs_set(0);
    choose_attributes(screen, color);
    *out = screen;
    return 0;
}

void screen_size(struct screen *screen, bool resized, int *rows, int *columns)
{
    (void)screen;
    struct winsize size;
    if (resized && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
        curses.resize_term(size.ws_row, size.ws_col); /* resizeterm would report a key */
        curses.clearok(*curses.stdscr, true);
    }
    *rows = curses.getmaxy(*curses.stdscr);
    *columns = curses.getmaxx(*curses.stdscr);
}

bool screen_utf8(const struct screen *screen)
{
    return screen->utf8;
}

static void draw_line(const struct screen *screen, int row, const struct frame_line *line, int columns, int room)
{
    attr_t attributes = screen->attributes[line->style];
    wchar_t wide[FRAME_TEXT_SIZE];
    curses.attrset(attributes);
    if (line->style == FRAME_BAR || line->style == FRAME_SELECTED)
        curses.mvhline(row, 0, ' ' | attributes, columns);
    size_t length = mbstowcs(wide, line->text, FRAME_TEXT_SIZE - 1);
    if (length == (size_t)-1)
        curses.mvaddnstr(row, 0, line->text, room);
    else
        curses.mvaddnwstr(row, 0, wide, length < (size_t)room ? (int)length : room);
    for (size_t i = 0; i < FRAME_PARTS_MAX; i++) {
        const struct frame_part *part = &line->parts[i];
        attr_t shown = screen->attributes[part->style];
        if (part->cells && part->from < room)
            curses.mvchgat(row, part->from, part->cells < room - part->from ? part->cells : room - part->from,
                           shown & ~(attr_t)A_COLOR, (short)curses.PAIR_NUMBER((int)shown), NULL);
    }
}

void screen_draw(struct screen *screen, const struct frame *frame)
{
    curses.erase();
    for (size_t row = 0; row < frame->count; row++) /* the last cell of the screen would scroll it */
        draw_line(screen, (int)row, &frame->lines[row], frame->columns,
                  row + 1 == frame->rows ? frame->columns - 1 : frame->columns);
    curses.attrset(0);
    curses.refresh();
}

int screen_read_key(struct screen *screen)
{
    static const struct {
        int curses, ours;
    } keys[] = {{KEY_UP, KEY_IS_UP},
                {KEY_DOWN, KEY_IS_DOWN},
                {KEY_PPAGE, KEY_IS_PAGE_UP},
                {KEY_NPAGE, KEY_IS_PAGE_DOWN},
                {KEY_HOME, KEY_IS_HOME},
                {KEY_END, KEY_IS_END},
                {KEY_ENTER, KEY_IS_ENTER},
                {'\n', KEY_IS_ENTER},
                {'\r', KEY_IS_ENTER},
                {27, KEY_IS_ESCAPE},
                {127, KEY_IS_BACKSPACE},
                {8, KEY_IS_BACKSPACE},
                {KEY_BACKSPACE, KEY_IS_BACKSPACE}};
    (void)screen;
    int key = curses.getch();
    if (key == ERR)
        return KEY_IS_NONE;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].curses == key)
            return keys[i].ours;
    return key < 256 ? key : KEY_IS_OTHER;
}

void screen_close(struct screen *screen)
{
    if (!screen)
        return;
    curses.endwin();
    curses.delscreen(screen->terminal);
    free(screen);
}
