/* The rows of an observation: what each sight of a socket makes of them. */
#ifndef ENGINE_FOLLOWER_ROWS_H
#define ENGINE_FOLLOWER_ROWS_H

#include "backlogctl/follower.h"

/* A list showed this child of a listener. */
void rows_see(struct follower *f, const struct diag_socket *child);

/* The kernel has destroyed this socket. */
void rows_end(struct follower *f, const struct diag_socket *socket);

/* After a whole look: how many wait, and whether the queues have room for them. Returns how many are in the queues for all that is
   known, but in no row: those have been reset before a look saw them, or come in at this moment. */
uint64_t rows_count(struct follower *f);

/* Then: those that it did not show. */
void rows_miss(struct follower *f);

/* At the end: whom the queues have no room for, and what seems to be a request and a connection of its own, and is one. */
void rows_settle(struct follower *f);

/* The observed listener that a child came from, as the kernel prefers them: the exact address, then any; the one bound to its device. The
   first of a group. -1: another one's, or one that is `gone` and must not be. */
int listener_of_child(struct follower *f, const struct diag_socket *child, bool may_be_gone);

/* The same for one in a list: of one that was gone at the last look only where nobody else is known to listen, for it may be back.
   `foreign`: it is another one's, and could be taken for the returned one's when that other has gone. */
int listener_of_seen(struct follower *f, const struct diag_socket *child, bool *foreign);

/* Whether another listener takes connections to where this row's came to. */
bool has_rival(const struct follower *f, const struct observed *row);

/* A socket that was bound to an address, and had no peer, has ended: if it was a listener that no look saw, that is said. */
void note_bound(struct follower *f, const struct diag_socket *socket);

/* Whether two listeners are at the same place. */
bool is_same_place(const struct listener *a, const struct listener *b);

/* At the beginning: which are at the same. */
void listeners_place(struct follower *f);

/* Who has the figures of all that are at the place of this one. */
struct observed_listener *place_of(const struct follower *f, size_t listener);

/* Whether all that are observed at the place of this one have gone. */
bool place_is_gone(const struct follower *f, size_t listener);

/* All listeners of the ports anew: queue, drops, who has gone, and who else is there; once before the first look, which has to know the
   latter. 0 or -errno. */
int listeners_look(struct follower *f, struct error *err);

/* Their last samples. */
void listeners_end(struct follower *f);

#endif
