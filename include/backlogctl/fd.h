/* Ownership of file descriptors: closed when their scope ends unless handed on. */
#ifndef BACKLOGCTL_FD_H
#define BACKLOGCTL_FD_H

/* Closes *fd unless it is negative, and sets it to -1. errno is kept. */
void fd_close(int *fd);

/* Hands a descriptor on: returns *fd and leaves -1 behind. */
int fd_steal(int *fd);

/* SCOPED_FD fd = open(...): closed at the end of the scope. Start from -1 where no descriptor is held yet. */
#define SCOPED_FD __attribute__((cleanup(fd_close))) int

#endif
