/* For builds that count lines, before each file of theirs: what a process ran counts too if it ends by _exit(), as the guards of a
   stopped server and the first process of a started one do. */
#ifndef TESTS_COUNTED_EXIT_H
#define TESTS_COUNTED_EXIT_H

#include <unistd.h>

void __gcov_dump(void);

static inline _Noreturn void counted_exit(int status)
{
    __gcov_dump();
    _exit(status);
}

#define _exit counted_exit

#endif
