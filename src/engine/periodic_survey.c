/* Surveys for who watches: owners and waiting clients are looked for only as often as their price allows. */
#include "backlogctl/watcher.h"

#include "waiting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was costly is not done again before this many times its price has passed: what it took, and in CPU time. Clients waiting are
   worth more of the time: between two readings nothing is known of them. */
struct ratio {
    int wall, cpu;
};
static const struct ratio owners_ratio = {100, 400}, waiting_ratio = {10, 50}, nobody_ratio = {10, 300};
/* A socket may go to another process while it stays the same (socket activation, a restart by fork). */
#define OWNERS_AGAIN (10 * NSEC_PER_SEC)

static int compare_notes(const void *left, const void *right)
{
    const struct owner_note *a = left, *b = right;
    if (a->cookie != b->cookie)
        return a->cookie < b->cookie ? -1 : 1;
    return a->netns < b->netns ? -1 : a->netns > b->netns;
}

static const struct owner_note *find_note(const struct periodic_survey *periodic_survey, const struct listener *listener)
{
    struct owner_note key = {.cookie = listener->cookie, .netns = listener->netns};
    return periodic_survey->owner_count ? bsearch(&key, periodic_survey->owners, periodic_survey->owner_count,
                                                  sizeof *periodic_survey->owners, compare_notes)
                                        : NULL;
}

/* Fills in what is known of the owners; false when a listener is new. */
static bool recall_owners(const struct periodic_survey *periodic_survey, struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++) {
        struct listener *listener = &survey->listeners[i];
        const struct owner_note *note = find_note(periodic_survey, listener);
        if (!note)
            return false;
        listener->pid = note->pid;
        listener->pidns = note->pidns;
        listener->processes = note->processes;
        listener->place = note->place;
        memcpy(listener->process, note->process, sizeof listener->process);
    }
    survey->processes_hidden = periodic_survey->hidden;
    return true;
}

static int note_owners(struct periodic_survey *periodic_survey, const struct survey *survey, struct error *err)
{
    struct owner_note *owners = realloc(periodic_survey->owners, (survey->count + 1) * sizeof *owners);
    if (!owners)
        return error_set(err, ENOMEM, "no memory for the owners of %zu listeners", survey->count);
    periodic_survey->owners = owners;
    periodic_survey->owner_count = survey->count;
    periodic_survey->hidden = survey->processes_hidden;
    for (size_t i = 0; i < survey->count; i++) {
        const struct listener *listener = &survey->listeners[i];
        owners[i] = (struct owner_note){.cookie = listener->cookie,
                                        .netns = listener->netns,
                                        .pidns = listener->pidns,
                                        .pid = listener->pid,
                                        .processes = listener->processes,
                                        .wanted = survey_holds(survey, listener, &periodic_survey->query),
                                        .place = listener->place};
        memcpy(owners[i].process, listener->process, sizeof owners[i].process);
    }
    if (survey->count)
        qsort(owners, survey->count, sizeof *owners, compare_notes);
    return 0;
}

static int note_oldest(struct periodic_survey *periodic_survey, const struct survey *survey, struct error *err)
{
    size_t count = 0;
    struct waiting_note *oldest = realloc(periodic_survey->oldest, (survey->count + 1) * sizeof *oldest);
    if (!oldest)
        return error_set(err, ENOMEM, "no memory for the oldest clients of %zu listeners", survey->count);
    for (size_t i = 0; i < survey->count; i++) {
        const struct listener *l = &survey->listeners[i];
        if (l->oldest_known && l->oldest_local.family)
            oldest[count++] = (struct waiting_note){l->cookie, l->netns, l->oldest_local, l->oldest_remote};
    }
    if (count)
        qsort(oldest, count, sizeof *oldest, waiting_note_compare);
    periodic_survey->oldest = oldest;
    periodic_survey->oldest_count = count;
    return 0;
}

/* The process is chosen by its name here, as the survey may come without names. */
static void select_process(const struct periodic_survey *periodic_survey, struct survey *survey)
{
    size_t kept = 0;
    survey->owners_unseen = 0;
    for (size_t i = 0; i < survey->count; i++) {
        const struct owner_note *note = find_note(periodic_survey, &survey->listeners[i]);
        if (!note || !note->wanted)
            continue;
        survey->owners_unseen += !survey->listeners[i].pid;
        survey->listeners[kept++] = survey->listeners[i];
    }
    survey->count = kept;
}

static bool somebody_waits(const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++)
        if (survey->listeners[i].queue || survey->listeners[i].half_open)
            return true;
    return false;
}

/* When what began then, with so much CPU time used before, may come again; not before `least` has passed. */
static nsec due_again(nsec began, nsec used, const struct ratio *ratio, nsec least)
{
    nsec now = clock_now(), wall = (now - began) * ratio->wall, cpu = (clock_thread() - used) * ratio->cpu;
    nsec pause = wall > cpu ? wall : cpu;
    return now + (pause > least ? pause : least);
}

/* One survey, and when the costly parts may come again. */
static int take(struct periodic_survey *periodic_survey, struct survey *survey, bool owners, bool waiting, struct error *err)
{
    struct survey_query query = periodic_survey->query;
    nsec began = clock_now(), used = clock_thread();
    query.process = query.unit = NULL;
    query.no_owners = !owners;
    query.no_waiting = !waiting;
    query.notes = periodic_survey->oldest;
    query.note_count = periodic_survey->oldest_count;
    *survey = (struct survey){0};
    int status = survey_take(survey, &query, err);
    if (owners)
        periodic_survey->owners_due = due_again(began, used, &owners_ratio, OWNERS_AGAIN);
    else if (waiting)
        periodic_survey->waiting_due = due_again(began, used, somebody_waits(survey) ? &waiting_ratio : &nobody_ratio, 0);
    return status;
}

int periodic_survey_take(struct periodic_survey *periodic_survey, struct survey *survey, struct error *err)
{
    nsec now = clock_now();
    bool owners = now >= periodic_survey->owners_due;
    bool waiting = periodic_survey->always_waiting || now >= periodic_survey->waiting_due;
    int status = take(periodic_survey, survey, owners, waiting, err);
    if (!status && !owners && !recall_owners(periodic_survey, survey)) {
        survey_release(survey);
        owners = true;
        status = take(periodic_survey, survey, owners, waiting, err);
    }
    if (!status && owners)
        status = note_owners(periodic_survey, survey, err);
    if (!status)
        status = note_oldest(periodic_survey, survey, err);
    if (status)
        return status;
    select_process(periodic_survey, survey);
    return 0;
}

void periodic_survey_release(struct periodic_survey *periodic_survey)
{
    free(periodic_survey->owners);
    free(periodic_survey->oldest);
    *periodic_survey = (struct periodic_survey){0};
}
