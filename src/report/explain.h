/* What the sentences of the explanation are made of, and share. */
#ifndef BACKLOGCTL_REPORT_EXPLAIN_H
#define BACKLOGCTL_REPORT_EXPLAIN_H

#include "internal.h"

/* The facts that sentences are made of. */
struct explanation {
    FILE *out;
    bool begun;
    const struct run *run;
    const struct target *target; /* the one with a listener; NULL: none */
    uint64_t total;              /* connections judged */
    uint64_t by_reason[VERDICT_COUNT][REASON_COUNT];
    uint64_t accepted;                                  /* accept() returned them, whatever came later */
    uint64_t reset_accepted;                            /* of those that were reset */
    const struct target *half_open, *reset, *elsewhere; /* of the first such connection; NULL: none */
    uint64_t silent_remote;                             /* timed out towards another host */
    uint64_t acknowledged;                              /* established, and what we sent was acknowledged */
    uint64_t syn_repeated;                              /* got through, but not with the first SYN */
    uint64_t elsewhere_queue;                           /* queue entries that are none of our queued connections */
    bool discarded_known;
    uint64_t discarded;
    const struct attempt *odd_error; /* a local error that no reason names; NULL: none */
    const struct target *silent;     /* of the first that timed out; NULL: none */
    const struct target *refusing;   /* of the first refused connection; NULL: none */
    const struct target *hidden;     /* a silent address, hidden by ... */
    const struct target *hiding;     /* ... the refusal of a later one; NULL: no such thing */
};

/* ---- explain_words.c ---- */

/* Sentences are parted by one blank. */
__attribute__((format(printf, 2, 3))) void tell(struct explanation *s, const char *format, ...);

/* How many connections have a verdict. */
uint64_t told_of(const struct explanation *s, enum verdict v);

/* "1 connection", or "all 10 connections" where that is so; `opening` with a capital. Return out. */
#define SUBJECT_SIZE 64
const char *subject(const struct explanation *s, uint64_t n, char out[SUBJECT_SIZE]);
const char *opening(const struct explanation *s, uint64_t n, char out[SUBJECT_SIZE]);

const char *is_are(uint64_t n);
const char *was_were(uint64_t n);

/* ---- explain_causes.c ---- */

/* A sentence behind the last one: what may have caused a symptom at this target. Nothing where no cause is known. */
void tell_causes(struct explanation *s, const struct target *target, enum symptom symptom);

/* ---- explain_failed.c: what did not get in, or not as it seems ---- */
void explain_queue_full(struct explanation *s);
void explain_silence(struct explanation *s);
void explain_ghosts(struct explanation *s);
void explain_refused(struct explanation *s);
void explain_failures(struct explanation *s);
void explain_local_errors(struct explanation *s);
void explain_established(struct explanation *s);

/* ---- explain_kinds.c: what is peculiar to a kind of listener ---- */
void explain_kind(struct explanation *s);
void explain_would_block(struct explanation *s);

#endif
