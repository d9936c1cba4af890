/* The names of the model's enums, from the same lists that make the enums. */
#include "backlogctl/observation.h"
#include "backlogctl/server_event.h"
#include "backlogctl/sizing.h"
#include "backlogctl/started_server.h"
#include "backlogctl/timeline.h"
#include "backlogctl/listener_history.h"
#include "backlogctl/trace_facts.h"

#define NAME(symbol, name, ...) name,
#define NAMES(function, type, list)                                               \
    const char *function(enum type value)                                         \
    {                                                                             \
        static const char *const names[] = {list(NAME)};                          \
        return (size_t)value < sizeof names / sizeof *names ? names[value] : "?"; \
    }

NAMES(timeline_source_name, timeline_source, TIMELINE_SOURCES)
NAMES(verdict_name, verdict, VERDICTS)
NAMES(evidence_name, evidence, EVIDENCES)
NAMES(reason_name, reason, REASONS)
NAMES(peer_name, peer, PEERS)
NAMES(tcp_state_name, tcp_state, TCP_STATES)
NAMES(counter_name, counter, COUNTERS)
NAMES(socket_kind_name, socket_kind, SOCKET_KINDS)
NAMES(remark_name, remark, REMARKS)
NAMES(holder_cause_name, holder_cause, HOLDER_CAUSES)
NAMES(watch_state_name, watch_state, WATCH_STATES)
NAMES(trace_figure_name, trace_figure, TRACE_FIGURES)
NAMES(trace_event_name, trace_event_kind, TRACE_EVENTS)
NAMES(trace_worth_name, trace_worth, TRACE_WORTHS)
NAMES(server_event_name, server_event_kind, SERVER_EVENTS)
NAMES(started_trouble_name, started_trouble, STARTED_TROUBLES)
NAMES(backlog_way_name, backlog_way, BACKLOG_WAYS)
NAMES(sizing_part_name, sizing_part, SIZING_PARTS)
NAMES(observed_state_name, observed_state, OBSERVED_STATES)
NAMES(sighting_name, sighting, SIGHTS)
