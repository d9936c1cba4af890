/* Judgement: facts to verdicts, counts to expectations. Pure: no I/O, no clock, no errno; of libc only what is pure
   too, such as qsort(3). */
#ifndef BACKLOGCTL_JUDGE_H
#define BACKLOGCTL_JUDGE_H

#include "backlogctl/run.h"
#include "backlogctl/figures.h"
#include "backlogctl/measurement.h"
#include "backlogctl/observation.h"
#include "backlogctl/sizing.h"
#include "backlogctl/sweep.h"
#include "backlogctl/listener_history.h"
#include "backlogctl/trace_facts.h"

/* Gives every attempt of every target its verdict, reason and evidence, marks the one attempt of each connection that
   decides (the one that got through; else the first that found a listener; else the last), and counts. May be called
   again whenever facts have changed. */
void judge_run(struct run *run);

/* True when no further waiting can change a verdict of this target's attempts. */
bool judge_is_final(const struct target *target);

/* True when what was seen needs no second look: the listener's drops equal the SYNs that went unanswered (each dropped
   SYN counts one drop: tcp_conn_request() in the kernel), and no client is connected without its socket at the server. */
bool judge_is_settled(const struct target *target);

/* True when the listener's drops equal the SYNs that went unanswered. */
bool judge_silence_is_dropped(const struct target *target);

/* Fills in the causes of every target that the facts leave, and when a SYN is sent again. Call after judge_run. */
void judge_causes(struct run *run);

/* The times at which a client sends its SYN, after the first at 0: `linear` + 1 gaps of a second (tcp_syn_linear_timeouts), then each
   twice the one before, up to 120 s (TCP_RTO_MAX); retries + linear + 1 gaps in all, at whose end connect(2) fails (measured, timers run
   some 2 % late). Fills in up to `room` and returns how many there are; *gives_up_s is that end. */
size_t judge_syn_times(uint32_t retries, uint32_t linear, uint32_t *times_s, size_t room, uint32_t *gives_up_s);

/* The i-th of the spans to spread, >= 0; NSEC_NEVER: there is none. The same whenever it is asked. */
typedef nsec spread_span(const void *context, size_t i);
void judge_spread(spread_span *span, const void *context, size_t count, struct spread *out);

/* Fills in to_established and to_accepted, from connect() on, of all attempts of the run. */
void judge_times(struct run *run);

/* A client that waits for longer than this in a queue is a remark (not_accepting); a backlog below this is one (small). */
#define NOT_ACCEPTING_MS 1000
#define SMALL_BACKLOG 16

/* Fills in percent and remarks, what the namespaces' drops come to, every expectation, and survey->outcome. An expectation
   holds when every listener keeps it that has the measure (without a handshake there are no drops, half_open, oldest_ms); without any such listener
   only one about `listeners` can. Where none was seen and the list is incomplete, none can be decided. */
void judge_survey(struct survey *survey);

/* Who is worse off, as qsort(3) wants it: by the worst remark, then by how full it is; less than 0: `a`. */
int judge_compare(const struct listener *a, const struct listener *b);

/* Fills in exact, outcome and the expectations. */
void judge_measurement(struct measurement *m);

/* Fills in percent and remarks of one listener; `netns` NULL: not known. */
void judge_listener(struct listener *listener, const struct netns_facts *netns);

/* Queue of capacity. */
uint32_t judge_percent(const struct listener *listener);

/* What makes a listener worth a look at its holders. */
#define REMARKS_IN_TROUBLE (1u << REMARK_FULL | 1u << REMARK_NOT_ACCEPTING)

/* Fills in the causes of those that hold one listener in trouble, from their states, and returns all of them. `waits_on`: at both looks
   clients waited still, as what is seen of one that is through with them explains nothing. */
uint32_t judge_holders(struct socket_holder *list, size_t count, bool waits_on);

/* Fills in drops_gone. */
void judge_netns(struct netns_facts *facts);

/* After an interval was ended: remarks, percent, and which alerts hold: those that a look in this interval met, or that the
   interval as a whole meets. After a fast look at one: the alerts that it meets. An alert that begins to hold has news. */
void judge_watch(struct watch_model *w);
void judge_watch_one(struct watch_model *w, struct listener_history *one);

/* A trace: quantiles, what each figure is worth, and whether the counters of the namespaces agree. */
void judge_trace(struct trace_model *m);

/* Counts what was done, fills in the middles and sweep->outcome. */
void judge_sweep(struct sweep *sweep);

/* What a load comes to: a stall or a burst begins at time 0, which is the worst that can happen. */
void judge_predict(const struct load *load, struct prediction *p);

/* How many of the packets that a listener discarded in some time were dropped on its full accept queue, by what its network namespace
   counted in the same time. */
struct interval judge_overflows(uint64_t discarded, const struct overflow_span *span);
/* There were at least so many as the kernel was seen to drop. */
void judge_overflows_seen(struct interval *bounds, const struct trace_digest *exact, uint64_t seen);

/* Counts the connections, and fills in each listener's overflows; the span counts its own discarded packets among those of all. */
void judge_observation(struct observation *o, const struct overflow_span *span);

/* Known if both are. */
struct interval judge_sum(struct interval a, struct interval b);

/* A listener's value of a measure; its bounds where no more is known. */
struct interval judge_listener_measure(const struct listener *listener, enum measure measure);

/* seen OP expected, for whatever number within the bounds. */
enum expectation_outcome judge_compare_interval(const struct interval *seen, enum compare compare, int64_t expected);

/* Fills in what was seen, and the outcome. */
void judge_expected(struct expectation *e, const struct interval *seen);

/* Fills in every expectation, and run->outcome. Call after judge_run. */
void judge_expectations(struct run *run);

#endif
