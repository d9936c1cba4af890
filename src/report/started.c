/* A server that was started for the run: what was asked for, and what became of it. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

/* A heading has no room for more; JSON has all. */
#define HEADING_SIZE 160

void write_command_words(FILE *out, char *const *words)
{
    char text[HEADING_SIZE] = "";
    size_t used = 0;
    for (char *const *word = words; *word && used < sizeof text - 4; word++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", word == words ? "" : " ", *word);
    if (used >= sizeof text - 4)
        memcpy(text + sizeof text - 4, "...", 4);
    putc('\'', out);
    fputs(text, out);
    putc('\'', out);
}

const char *backlog_way_words(enum backlog_way way)
{
    static const char *const words[] = {[BACKLOG_OWN] = "is its own",
                                        [BACKLOG_WORD_GIVEN] = "set by {backlog} in its arguments or environment",
                                        [BACKLOG_LISTEN] = "set by calling listen(2) again on its socket"};
    return words[way];
}

void write_started(FILE *out, const struct run *run)
{
    const struct started_server *started = &run->started;
    char span[NSEC_TEXT_SIZE];
    fprintf(out, "server: listened after %s, its backlog %s", nsec_text(started->listened, span),
            backlog_way_words(started->way));
    if (started->way != BACKLOG_OWN)
        fprintf(out, " (%" PRId32 ")", started->backlog);
    if (started->other_listeners)
        fprintf(out, ", listens at %" PRIu64 " more place%s", started->other_listeners, plural(started->other_listeners));
    if (started->frozen)
        fprintf(out, ", stood still for %s (%s) while the burst came: its queue ", nsec_text(started->frozen_for, span),
                started->ptraced ? "ptrace" : "SIGSTOP");
    if (started->frozen && started->held_known)
        fprintf(out, "took %" PRIu64, started->held);
    else if (started->frozen)
        fputs("was not seen", out);
    if (started->shares_pids)
        fputs(", has no pid namespace of its own", out);
    if (started->host_proc)
        fputs(", sees this host's /proc", out);
}

json_t *json_words(char *const *words)
{
    json_t *array = json_array();
    for (char *const *word = words; *word; word++)
        json_add(&array, json_text(*word));
    return array;
}

static json_t *places_json(const struct started_server *started)
{
    json_t *array = json_array();
    for (size_t i = 0; i < started->place_count; i++) {
        json_t *place = json_object();
        json_put(&place, "address", json_address(&started->places[i].local));
        json_add_listener_place(&place, &started->places[i]);
        json_add(&array, place);
    }
    return array;
}

static json_t *output_json(const struct started_server *started)
{
    char text[STARTED_OUTPUT_SIZE + 1];
    size_t length = 0;
    for (size_t i = 0; i < started->output_length; i++)
        if (started->output[i])
            text[length++] = started->output[i];
    text[length] = '\0';
    return json_text(started->trouble ? text : NULL);
}

static json_t *freeze_json(const struct started_server *started)
{
    if (!started->frozen)
        return json_null();
    return json_pack("{s:s, s:o, s:o}", "method", started->ptraced ? "ptrace" : "stop", "lasted_us",
                     json_span(started->frozen_for), "held", json_known(started->held_known, started->held));
}

json_t *started_json(const struct run *run)
{
    const struct started_server *s = &run->started;
    if (!s->words)
        return json_null();
    bool exited = s->trouble == STARTED_EXITED || s->daemon, killed = s->trouble == STARTED_KILLED;
    json_t *object =
        json_pack("{s:o, s:o, s:s, s:o, s:o, s:b}", "command", json_words(s->words), "listened_us", json_span(s->listened),
                  "backlog_by", backlog_way_name(s->way), "asked", json_known(s->way != BACKLOG_OWN, (uint64_t)s->backlog),
                  "other_listeners", json_integer((json_int_t)s->other_listeners), "pid_namespace", !s->shares_pids);
    json_put(&object, "trouble", json_text(s->trouble ? started_trouble_name(s->trouble) : NULL));
    json_put(&object, "why", json_text(s->trouble ? s->why : NULL));
    json_put(&object, "exit_status", json_known(exited, (uint64_t)(s->daemon ? 0 : s->code)));
    json_put(&object, "signal", json_known(killed, (uint64_t)s->code));
    json_put(&object, "listens_at", places_json(s));
    json_put(&object, "freeze", freeze_json(s));
    json_put(&object, "log", json_text(s->log));
    json_put(&object, "output", output_json(s));
    return object;
}
