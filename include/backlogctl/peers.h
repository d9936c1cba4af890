/* The server's side of a flood's connections, asked for through sock_diag. */
#ifndef BACKLOGCTL_PEERS_H
#define BACKLOGCTL_PEERS_H

#include "backlogctl/error.h"
#include "backlogctl/connection_facts.h"
#include "backlogctl/server.h"
#include "backlogctl/sockdiag.h"

/* Refreshes target->after and listener_gone. */
void peers_look_at_listener(struct sockdiag *sd, struct target *target);

/* Fills in peer, age_ms, was_half_open, was_queued and the first sighting of `accepted` (as a span since `epoch`) of every
   attempt whose client is connected, sets target->looked when all could be asked for, and looks at the listener. `unanswered`: ask
   for those without an answer too, of which a request may be there. Connections are looked up one by one, 1 us each; those of a kind without
   a handshake by one dump. 0 or -errno. */
int peers_look(struct sockdiag *sd, struct target *target, bool unanswered, nsec epoch, struct error *err);

/* The same without asking, of a large burst beside which nobody else was there, if the listener's queue has grown by all who are connected:
   they are what is in it, and nobody has accepted. False: it has not, or they are few. To be called after peers_look_at_listener, where no
   SYN went unanswered that was not dropped. */
bool peers_fill_the_queue(struct target *target, nsec epoch);

/* Its client is still there, and the last look did not find the server's side. */
bool peers_is_untraced(const struct attempt *a);

/* Looks at the members of the target's reuseport group, if it has one: `target->members`, malloc'ed. The first time as they are,
   then with their drops since. 0 or -errno. */
int peers_members(struct sockdiag *sd, struct target *target, struct error *err);

/* Replaces the sightings of `accepted` by the server's own exact times, and lowers `established` to them; what was accepted only after
   the last look, which came to an end at the span `end`, is left out. 0 or -ENOMEM. */
int peers_note_accepts(struct target *target, const struct server_accept *clients, size_t count, nsec epoch, nsec end,
                       struct error *err);

#endif
