/* What a target stands for, with names looked up: hosts, services, and those who listen. */
#include "backlogctl/target.h"

#include "select.h"

#include "backlogctl/closest.h"
#include "backlogctl/container.h"
#include "backlogctl/escape.h"
#include "backlogctl/surveyor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Services ---- */

/* In a container services(5) may be missing; these two stand in URLs. */
static const struct {
    const char *name;
    uint16_t port;
} usual[] = {{"http", 80}, {"https", 443}};

/* 0: unknown. */
static uint16_t service_port(const char *name)
{
    char buffer[4096];
    struct servent entry, *found = NULL;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (!strcmp(usual[i].name, name))
            return usual[i].port;
    if (getservbyname_r(name, "tcp", &entry, buffer, sizeof buffer, &found) || !found)
        return 0;
    return ntohs((uint16_t)found->s_port);
}

static void add_port(struct target_meaning *target, uint16_t port)
{
    struct target_option *one = &target->options[target->count++];
    one->name = "port";
    snprintf(one->value, sizeof one->value, "%u", port);
}

static int find_service(const struct command *command, const char *word, struct target_meaning *target, struct error *err)
{
    uint16_t port = *target->service ? service_port(target->service) : 0;
    if (port)
        add_port(target, port);
    else if (*target->service)
        return error_set(err, EINVAL, "target '%.80s': /etc/services has no TCP service '%s': want the number of the port%s",
                         word, target->service,
                         command->target == TARGET_LISTENER ? ", or process:, unit:, container: or pid: before a name" : "");
    return 0;
}

/* ---- Names of those who listen ---- */

#define ID_DIGITS_MIN 6 /* of a container's id, so that a short name is not taken for one */

static bool is_container(const char *container, const char *word)
{
    size_t length = strlen(word);
    if (!strcmp(container, word))
        return true;
    return length >= ID_DIGITS_MIN && strspn(word, "0123456789abcdef") == length && !strncmp(container, word, length);
}

unsigned target_fits(const struct survey *survey, const char *word)
{
    unsigned fits = 0;
    for (size_t i = 0; i < survey->count && *word; i++) {
        size_t count;
        const struct socket_holder *holders = survey_holders(survey, &survey->listeners[i], &count);
        if (*survey->listeners[i].path && !strcmp(survey->listeners[i].path, word))
            fits |= FITS_PATH;
        for (size_t h = 0; h < count && holders; h++) {
            fits |= socket_holder_is_called(holders[h].process, word) ? FITS_PROCESS : 0;
            fits |= strcmp(holders[h].place.unit, word) ? 0 : FITS_UNIT;
            fits |= is_container(holders[h].place.container, word) ? FITS_CONTAINER : 0;
        }
    }
    return fits;
}

/* Containers have namespaces of their own, where the survey may not have been. */
static bool is_container_id(const char *word)
{
    struct container container = {0};
    bool is = strlen(word) >= ID_DIGITS_MIN && strspn(word, "0123456789abcdef") == strlen(word) &&
              container_find(word, &container, NULL) != -ENOENT;
    container_release(&container);
    return is;
}

/* A file here, whatever name it was bound by. */
static bool is_socket_file(const char *word)
{
    struct stat file;
    return !stat(word, &file) && S_ISSOCK(file.st_mode);
}

static const struct {
    enum target_fit fit;
    const char *option, *form, *what;
} kinds[] = {
    {FITS_PROCESS, "process", "process:", "a process"},
    {FITS_UNIT, "unit", "unit:", "a unit"},
    {FITS_CONTAINER, "container", "container:", "a container"},
    {FITS_PATH, "unix", "unix:", "a socket"},
};

#define KINDS (sizeof kinds / sizeof *kinds)

static int refuse_several(unsigned fits, const char *word, struct error *err)
{
    char forms[256] = "";
    for (size_t i = 0; i < KINDS; i++)
        if (fits & kinds[i].fit)
            snprintf(forms + strlen(forms), sizeof forms - strlen(forms), "%s%s%.40s for %s", *forms ? ", " : "", kinds[i].form,
                     word, kinds[i].what);
    return error_set(err, EINVAL, "target '%.80s' may be several things: say %s", word, forms);
}

static int refuse_none(const struct survey *survey, const char *word, struct error *err)
{
    char hidden[120] = "";
    if (survey->processes_hidden)
        snprintf(hidden, sizeof hidden,
                 " as far as can be seen (what %zu processes hold is hidden from this user, not from root)",
                 survey->processes_hidden);
    struct closest closest = {.typed = word};
    char hint[CLOSEST_HINT_SIZE];
    select_closest(&closest, survey);
    return error_set(err, ENOENT,
                     "nobody who listens here is called '%.80s'%s%s: it is no process, unit, container or service; "
                     "'backlogctl list' shows who listens",
                     word, closest_hint(&closest, "", hint), hidden);
}

static int add_word(struct target_meaning *target, const char *option)
{
    struct target_option *one = &target->options[target->count++];
    one->name = option;
    snprintf(one->value, sizeof one->value, "%s", target->word);
    return 0;
}

/* `word` is that of the target without its escapes. */
static int choose(struct target_meaning *target, const struct survey *survey, const char *word, struct error *err)
{
    unsigned fits = target_fits(survey, word);
    char service[TARGET_VALUE_SIZE + 16];
    if (is_container_id(word))
        fits |= FITS_CONTAINER;
    if (is_socket_file(word))
        fits |= FITS_PATH;
    if (fits & (fits - 1))
        return refuse_several(fits, target->word, err);
    for (size_t i = 0; i < KINDS; i++)
        if (fits == kinds[i].fit)
            return add_word(target, kinds[i].option);
    snprintf(service, sizeof service, "%s.service", word);
    if (target_fits(survey, service) & FITS_UNIT)
        return add_word(target, "unit");
    uint16_t port = service_port(word);
    if (!port)
        return refuse_none(survey, target->word, err);
    add_port(target, port);
    return 0;
}

static int find_name(struct target_meaning *target, const struct settings *settings, struct error *err)
{
    struct survey survey = {0};
    struct survey_query query = settings->survey;
    char word[TARGET_VALUE_SIZE];
    query.no_waiting = true;
    bool taken = !survey_take(&survey, &query, err);
    int status =
        taken ? choose(target, &survey, unescape(target->word, word), err) : -ESRCH; /* whatever it was, the word is right */
    survey_release(&survey);
    return status;
}

/* ---- Hosts ---- */

/* A server that runs is bound to addresses; a name leads to those that take its connections. */
static int find_host(const char *host, struct survey_query *query, struct error *err)
{
    struct endpoint found[REACHED_MAX];
    int count = endpoint_resolve(host, 0, AF_UNSPEC, found, REACHED_MAX, err);
    for (int i = 0; i < count; i++)
        query->reached[query->reached_count++] = found[i];
    return count < 0 ? count : 0;
}

static bool is_host_name(const struct target_option *one)
{
    struct endpoint_range range;
    return !strcmp(one->name, "host") && !strpbrk(one->value, "%*:") && endpoint_range_parse(one->value, &range, NULL);
}

/* ---- The settings ---- */

/* Escapes may stand for fewer bytes. */
static bool is_too_long(const struct target_option *one)
{
    struct sockaddr_storage name;
    return !strcmp(one->name, "unix") && !strchr(one->value, '\\') && !endpoint_unix_sockaddr(one->value, &name);
}

static int set(const struct command *command, const struct target_option *one, struct settings *settings, struct error *err)
{
    struct error why = {0};
    if (settings_given(settings, one->name))
        return error_set(err, EINVAL, "target '%.80s' and --%s say the same thing: give one of them", settings->operand,
                         one->name);
    if (is_too_long(one))
        return error_set(err, EINVAL, "target '%.80s': a socket's path has at most 107 bytes", settings->operand);
    if (command->target == TARGET_LISTENER && is_host_name(one))
        return find_host(one->value, &settings->survey, &why)
                   ? error_set(err, why.code, "target '%.80s': %s", settings->operand, why.text)
                   : 0;
    const char *kept = settings_keep(settings, one->value, err);
    if (!kept)
        return -EINVAL;
    return options_set(command, one->name, kept, settings, &why)
               ? error_set(err, EINVAL, "target '%.80s': %s", settings->operand, why.text)
               : 0;
}

int target_take(const struct command *command, struct settings *settings, struct error *err)
{
    struct target_meaning target;
    struct error why = {0};
    if (!command->target || !settings->operand)
        return 0;
    int status = target_read(settings->operand, command->target, &target, err);
    if (!status)
        status = find_service(command, settings->operand, &target, err);
    if (!status && *target.word)
        status = find_name(&target, settings, err);
    for (size_t i = 0; i < target.count && !status; i++)
        status = set(command, &target.options[i], settings, err);
    if (!status && options_check(command, settings, &why))
        status = error_set(err, EINVAL, "target '%.80s'%s%s: %s", settings->operand, target.count ? " stands for --" : "",
                           target.count ? target.options[0].name : "", why.text);
    return status;
}
