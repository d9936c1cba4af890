/* Reports of several hosts: which documents a file has, and whether they can be used. */
#include "reports.h"

#include "document.h"
#include "report_values.h"
#include "reports_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 16

void *reports_room(void *list, size_t count, size_t *room, size_t size, struct error *err)
{
    if (count < *room)
        return list;
    size_t more = *room ? 2 * *room : ROOM_FIRST;
    void *grown = reallocarray(list, more, size);
    if (grown)
        *room = more;
    else
        error_set(err, ENOMEM, "no memory for %zu entries", more);
    return grown;
}

/* What a document adds is undone where it turns out to be of no use. */
struct reading {
    struct reports *reports;
    size_t attempts, sightings; /* that there were before it */
    struct merged_host host;
    struct merged_observer observer;
    struct observer_facts observation;
    bool observed; /* it is of an observer */
};

static int read_row(void *context, const json_t *members, const char *name, const json_t *row, struct error *err)
{
    struct reading *reading = context;
    const char *schema = json_string_value(json_object_get(members, "schema"));
    if (!schema)
        return error_set(err, EBADMSG, "its schema does not come first: want it as backlogctl wrote it");
    if (!strcmp(schema, PROBE_SCHEMA))
        return !strcmp(name, "connections") ? host_read_row(reading->reports, &reading->host, row, err) : 0;
    reading->observed = !strcmp(schema, OBSERVE_SCHEMA);
    if (!reading->observed)
        return 0; /* of no use, which is told at its end */
    if (!strcmp(name, "samples"))
        return observer_read_sample(&reading->observation, row, err);
    return observer_read_row(reading->reports, row, err);
}

static int add_host(struct reports *r, const struct merged_host *host, struct error *err)
{
    struct merged *m = &r->merged;
    struct merged_host *grown = reallocarray(m->hosts, m->host_count + 1, sizeof *m->hosts);
    if (!grown)
        return error_set(err, ENOMEM, "no memory for the report of one more host");
    m->hosts = grown;
    m->hosts[m->host_count++] = *host;
    return 0;
}

static int add_observer(struct reports *r, const struct reading *reading, struct error *err)
{
    struct merged *m = &r->merged;
    if (m->observer_count > UINT16_MAX)
        return error_set(err, ENOMEM, "more than 65536 observers");
    struct merged_observer *grown = reallocarray(m->observers, m->observer_count + 1, sizeof *m->observers);
    if (grown)
        m->observers = grown;
    struct observer_facts *more = reallocarray(r->observations, m->observer_count + 1, sizeof *r->observations);
    if (more)
        r->observations = more;
    if (!grown || !more)
        return error_set(err, ENOMEM, "no memory for the report of one more observer");
    r->observations[m->observer_count] = reading->observation;
    m->observers[m->observer_count++] = reading->observer;
    return 0;
}

static void undo(struct reading *reading)
{
    reading->reports->attempt_count = reading->attempts;
    reading->reports->sighting_count = reading->sightings;
    free(reading->host.sources);
    free(reading->observation.listeners);
    free(reading->observation.samples);
    free(reading->observation.gone);
    reading->observation = (struct observer_facts){0};
    reading->host.sources = NULL;
}

/* Named, and counted as one that has failed. */
static int add_trouble(struct reading *reading, const char *file, const char *why, struct error *err)
{
    undo(reading);
    struct merged_host host = {.file = file, .harmless = reading->observed};
    memcpy(host.host, reading->host.host, sizeof host.host);
    snprintf(host.trouble, sizeof host.trouble, "%s", why);
    return add_host(reading->reports, &host, err);
}

/* Of another program, or another version of this one: the same names may mean something else there. */
static bool is_strange(const struct reports *r, const json_t *members, char why[TROUBLE_SIZE])
{
    char schema[48], version[32], command[16];
    read_text(json_object_get(members, "schema"), schema, sizeof schema);
    read_text(json_object_get(members, "version"), version, sizeof version);
    read_text(json_object_get(members, "command"), command, sizeof command);
    if (strcmp(schema, PROBE_SCHEMA) && strcmp(schema, OBSERVE_SCHEMA))
        snprintf(why, TROUBLE_SIZE, "it is no report of probe or observe: its schema is '%s', want %s or %s", schema,
                 PROBE_SCHEMA, OBSERVE_SCHEMA);
    else if (!strcmp(schema, PROBE_SCHEMA) && strcmp(command, "probe"))
        snprintf(why, TROUBLE_SIZE, "it is a report of %s, not of a host that sent: want those of probe", command);
    else if (strcmp(version, r->version))
        snprintf(why, TROUBLE_SIZE, "it was made by version '%s', and this is %s: use one version on all hosts", version,
                 r->version);
    else
        return false;
    return true;
}

static int take(struct reading *reading, const char *file, const json_t *members, struct error *err)
{
    char why[TROUBLE_SIZE] = "";
    read_text(json_object_get(members, "host"), reading->host.host, sizeof reading->host.host);
    read_text(json_object_get(members, "boot"), reading->host.boot, sizeof reading->host.boot);
    if (is_strange(reading->reports, members, why))
        return add_trouble(reading, file, why, err);
    bool observed = !strcmp(json_string_value(json_object_get(members, "schema")), OBSERVE_SCHEMA);
    reading->observed = observed;
    int status = 0;
    reading->observer.connections = reading->reports->sighting_count - reading->sightings;
    if (observed)
        status = observer_read(&reading->observer, &reading->observation, members, why, err);
    else
        host_read(reading->reports, &reading->host, reading->attempts, members, why);
    if (status)
        return status;
    if (*why)
        return add_trouble(reading, file, why, err);
    reading->host.file = reading->observer.file = file;
    for (size_t i = reading->sightings; observed && i < reading->reports->sighting_count; i++)
        reading->reports->sightings[i].observer = (uint16_t)reading->reports->merged.observer_count;
    return observed ? add_observer(reading->reports, reading, err) : add_host(reading->reports, &reading->host, err);
}

/* 1: there may be another one behind it; 0: nothing more can be read; -ENOMEM. */
static int read_one(struct reports *r, struct document *document, const char *file, bool first, struct error *err)
{
    static const char *const streamed[] = {"connections", "samples", NULL};
    struct reading reading = {.reports = r, .attempts = r->attempt_count, .sightings = r->sighting_count};
    struct error why = {0};
    json_t *members = NULL;
    int got = document_next(document, streamed, read_row, &reading, &members, &why);
    int status = 0;
    if (got > 0)
        status = take(&reading, file, members, err);
    else if (got == -ENOMEM)
        status = error_set(err, ENOMEM, "%s: %s", file, why.text);
    else if (got < 0 || first)
        status = add_trouble(&reading, file, got < 0 ? why.text : "it is empty: its host may have been killed", err);
    if (status)
        undo(&reading);
    json_decref(members);
    return status ? status : got > 0;
}

int reports_read(struct reports *r, const char *file, struct error *err)
{
    bool is_stdin = !strcmp(file, "-");
    FILE *stream = is_stdin ? stdin : fopen(file, "re");
    struct reading nothing = {.reports = r, .attempts = r->attempt_count, .sightings = r->sighting_count};
    char why[TROUBLE_SIZE];
    if (!stream) {
        snprintf(why, sizeof why, "it cannot be opened: %s", strerror(errno));
        return add_trouble(&nothing, file, why, err);
    }
    struct document document = document_of(stream);
    int more = read_one(r, &document, file, true, err);
    while (more > 0)
        more = read_one(r, &document, file, false, err);
    if (!is_stdin)
        fclose(stream);
    return more;
}

void reports_release(struct reports *r)
{
    for (size_t i = 0; i < r->merged.host_count; i++)
        free(r->merged.hosts[i].sources);
    for (size_t i = 0; i < r->merged.observer_count; i++) {
        free(r->observations[i].listeners);
        free(r->observations[i].samples);
        free(r->observations[i].gone);
    }
    free(r->merged.hosts);
    free(r->merged.observers);
    free(r->merged.absent);
    free(r->observations);
    free(r->attempts);
    free(r->sources);
    free(r->sightings);
    free(r->locals);
    *r = (struct reports){0};
}
