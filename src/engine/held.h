/* The sockets that one process holds, or any process of a container: what --pid and --container select by. */
#ifndef ENGINE_HELD_H
#define ENGINE_HELD_H

#include "backlogctl/error.h"
#include "backlogctl/survey.h"

struct held_socket {
    uint32_t inode;
    pid_t pid;
};

struct held {
    struct held_socket *list; /* owned; ascending inodes, and processes of each */
    size_t count, room;
    bool out_of_memory;
    pid_t first;         /* the process, or the container's first */
    struct error unseen; /* why those of some processes are missing; code 0: none are */
};

/* Fills in a zeroed struct for the query's pid or container. 0; -ESRCH, -ENOENT, -EEXIST it is not there or not one, -EACCES none
   of them lets us look, -ENOMEM. */
int held_find(struct held *held, const struct survey_query *query, struct error *err);
void held_release(struct held *held);

/* Who of them holds a socket, and accepts rather than keeps it (socket_holder_is_keeper); 0: nobody. */
pid_t held_by(const struct held *held, uint32_t inode);

#endif
