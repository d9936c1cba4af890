/* Whether the terminal has a description. A file of its own: <term.h> defines words such as `columns` as macros. */
#include "backlogctl/screen.h"

#include "backlogctl/late.h"

#include <curses.h>
#include <term.h>
#include <unistd.h>

#define TERMINFO_NAMES(X) X(setupterm) X(del_curterm) X(cur_term)
LATE_DECLARE(terminfo, TERMINFO_NAMES)
LATE_DEFINE(terminfo, "libncursesw.so.6", TERMINFO_NAMES)

/* newterm(3) would find out too, and leak what it had made by then. */
bool screen_is_known(void)
{
    int why;
    if (terminfo_load(NULL) || terminfo.setupterm(NULL, STDOUT_FILENO, &why) != OK)
        return false;
    terminfo.del_curterm(*terminfo.cur_term);
    return true;
}
