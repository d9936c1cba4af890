/* Accepting: what the holders' duty is, and how it begins. */
#ifndef ENGINE_SERVER_ACCEPT_H
#define ENGINE_SERVER_ACCEPT_H

#include "server_state.h"

extern const struct holder_duties accept_duties;

#endif
