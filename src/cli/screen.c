/* Frames on a terminal. */
#include "backlogctl/screen.h"

#include "backlogctl/error.h"

#include <curses.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ESCAPE_DELAY_MS 25

struct screen {
    SCREEN *terminal;
    bool utf8;
    attr_t attributes[FRAME_STYLES];
};

static void choose_attributes(struct screen *screen, bool color)
{
    attr_t *attributes = screen->attributes;
    attributes[FRAME_TITLE] = attributes[FRAME_SELECTED] = A_REVERSE;
    attributes[FRAME_BOLD] = attributes[FRAME_NEWS] = attributes[FRAME_ALARM] = A_BOLD;
    attributes[FRAME_DIM] = A_DIM;
    if (!color || !has_colors())
        return;
    start_color();
    use_default_colors();
    init_pair(1, COLOR_RED, -1);
    init_pair(2, COLOR_GREEN, -1);
    init_pair(3, COLOR_BLUE, -1);
    attributes[FRAME_ALARM] = A_BOLD | COLOR_PAIR(1);
    attributes[FRAME_NEWS] = A_BOLD | COLOR_PAIR(2);
    attributes[FRAME_DIM] = COLOR_PAIR(3);
}

int screen_open(struct screen **out, bool color, struct error *err)
{
    struct screen *screen = calloc(1, sizeof *screen);
    if (!screen)
        return error_set(err, ENOMEM, "no memory for the screen");
    setlocale(LC_CTYPE, "");
    screen->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
    screen->terminal = newterm(NULL, stdout, stdin);
    if (!screen->terminal) {
        free(screen);
        const char *term = getenv("TERM");
        return error_set(err, ENOTTY, "this terminal cannot be driven (TERM=%.40s)", term ? term : "");
    }
    cbreak();
    noecho();
    nonl();
    nodelay(stdscr, true);
    keypad(stdscr, true);
    set_escdelay(ESCAPE_DELAY_MS);
    curs_set(0);
    choose_attributes(screen, color);
    *out = screen;
    return 0;
}

void screen_size(struct screen *screen, bool resized, int *rows, int *columns)
{
    (void)screen;
    struct winsize size;
    if (resized && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
        resizeterm(size.ws_row, size.ws_col);
        clearok(stdscr, true);
    }
    getmaxyx(stdscr, *rows, *columns);
}

bool screen_utf8(const struct screen *screen)
{
    return screen->utf8;
}

void screen_draw(struct screen *screen, const struct frame *frame)
{
    erase();
    for (size_t row = 0; row < frame->count; row++) {
        const struct frame_line *line = &frame->lines[row];
        attrset(screen->attributes[line->style]);
        if (line->style == FRAME_TITLE || line->style == FRAME_SELECTED)
            mvhline((int)row, 0, ' ' | screen->attributes[line->style], frame->columns);
        /* The last cell of the screen would scroll it. */
        int room = row + 1 == frame->rows ? frame->columns - 1 : frame->columns;
        wchar_t wide[FRAME_TEXT_SIZE];
        size_t length = mbstowcs(wide, line->text, FRAME_TEXT_SIZE - 1);
        if (length == (size_t)-1)
            mvaddnstr((int)row, 0, line->text, room);
        else
            mvaddnwstr((int)row, 0, wide, length < (size_t)room ? (int)length : room);
    }
    attrset(0);
    refresh();
}

int screen_read_key(struct screen *screen)
{
    static const struct {
        int curses, ours;
    } keys[] = {{KEY_UP, KEY_IS_UP},           {KEY_DOWN, KEY_IS_DOWN},   {KEY_PPAGE, KEY_IS_PAGE_UP},
                {KEY_NPAGE, KEY_IS_PAGE_DOWN}, {KEY_HOME, KEY_IS_HOME},   {KEY_END, KEY_IS_END},
                {KEY_ENTER, KEY_IS_ENTER},     {'\n', KEY_IS_ENTER},      {'\r', KEY_IS_ENTER},
                {27, KEY_IS_ESCAPE},           {127, KEY_IS_BACKSPACE},   {8, KEY_IS_BACKSPACE},
                {KEY_BACKSPACE, KEY_IS_BACKSPACE}};
    (void)screen;
    int key = getch();
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
    endwin();
    delscreen(screen->terminal);
    free(screen);
}
