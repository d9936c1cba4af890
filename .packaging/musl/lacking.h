/* Declares what the program takes from glibc and musl lacks; given to the compiler before each file (-include). */
#ifndef BACKLOGCTL_LACKING_H
#define BACKLOGCTL_LACKING_H

const char *strerrorname_np(int code);
const char *sigabbrev_np(int signal);
int close_range(unsigned first, unsigned last, int flags);

#endif
