/* Whether the terminal has a description. A file of its own: <term.h> defines words such as `columns` as macros. */
#include "backlogctl/screen.h"

#include <curses.h>
#include <term.h>
#include <unistd.h>

/* newterm(3) would find out too, and leak what it had made by then. */
bool screen_is_known(void)
{
    int why;
    if (setupterm(NULL, STDOUT_FILENO, &why) != OK)
        return false;
    del_curterm(cur_term);
    return true;
}
