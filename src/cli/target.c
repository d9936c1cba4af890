/* Reads a target. What is told apart here is told apart by the word alone; who has a name is found in target_take.c. */
#include "backlogctl/target.h"

#include "backlogctl/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

static int too_long(struct error *err)
{
    return error_set(err, EINVAL, "want at most %d bytes", TARGET_VALUE_SIZE - 1);
}

static int add(struct target_meaning *out, const char *option, const char *value, size_t length, struct error *err)
{
    if (length >= TARGET_VALUE_SIZE)
        return too_long(err);
    struct target_option *one = &out->options[out->count++];
    one->name = option;
    memcpy(one->value, value, length);
    one->value[length] = '\0';
    return 0;
}

static bool is_number(const char *text, size_t length)
{
    return length && strspn(text, DIGITS) >= length;
}

/* A server of our own can listen on 0, which is any free one. */
static int add_port_number(struct target_meaning *out, const char *digits, size_t length, enum target_use use, struct error *err)
{
    unsigned long least = use != TARGET_LISTEN, port = strtoul(digits, NULL, 10); /* ULONG_MAX where there are too many */
    if (port < least || port > UINT16_MAX)
        return error_set(err, EINVAL, "want a port from %lu to 65535", least);
    return add(out, "port", digits, length, err);
}

/* ---- Addresses ---- */

/* The parts of "HOST%DEVICE:PORT", within the word. */
struct parts {
    const char *host, *zone, *device, *port; /* zone: within the brackets of an IPv6 address; NULL: there is none */
    size_t host_length, zone_length, device_length, port_length;
};

static bool is_address(int family, const char *text, size_t length)
{
    char copy[INET6_ADDRSTRLEN], bytes[16];
    snprintf(copy, sizeof copy, "%.*s", (int)length, text);
    return length < sizeof copy && inet_pton(family, copy, bytes) == 1;
}

static void split_zone(struct parts *parts)
{
    const char *zone = memchr(parts->host, '%', parts->host_length);
    if (!zone)
        return;
    parts->zone = zone + 1;
    parts->zone_length = parts->host_length - (size_t)(zone + 1 - parts->host);
    parts->host_length = (size_t)(zone - parts->host);
}

/* "%DEVICE", ":PORT" and "%DEVICE" again: list has the device before the port, ss behind it. */
static int split_rest(const char *at, const char *end, struct parts *parts, struct error *err)
{
    while (at < end) {
        size_t length = 1;
        while (at + length < end && at[length] != ':' && at[length] != '%')
            length++;
        bool is_port = *at == ':';
        if ((!is_port && *at != '%') || (is_port ? parts->port : parts->device))
            return error_set(err, EINVAL, "want HOST:PORT, with an IPv6 address in brackets: [ADDR]:PORT");
        *(is_port ? &parts->port : &parts->device) = at + 1;
        *(is_port ? &parts->port_length : &parts->device_length) = length - 1;
        at += length;
    }
    return 0;
}

static int split(const char *text, size_t length, struct parts *parts, struct error *err)
{
    const char *end = text + length, *close = *text == '[' ? memchr(text, ']', length) : NULL;
    *parts = (struct parts){.host = text, .host_length = length};
    if (*text == '[' && !close)
        return error_set(err, EINVAL, "']' is missing: want [ADDR]:PORT");
    if (close) {
        *parts = (struct parts){.host = text + 1, .host_length = (size_t)(close - text - 1)};
        split_zone(parts);
        if (!is_address(AF_INET6, parts->host, parts->host_length))
            return error_set(err, EINVAL, "want an IPv6 address in the brackets");
        return split_rest(close + 1, end, parts, err);
    }
    split_zone(parts); /* an IPv6 address without a port needs no brackets */
    if (is_address(AF_INET6, parts->host, parts->host_length))
        return 0;
    *parts = (struct parts){.host = text};
    while (parts->host_length < length && !strchr(":%", text[parts->host_length]))
        parts->host_length++;
    return split_rest(text + parts->host_length, end, parts, err);
}

static int add_port(struct target_meaning *out, const struct parts *parts, enum target_use use, struct error *err)
{
    if (!parts->port)
        return 0;
    if (is_number(parts->port, parts->port_length))
        return add_port_number(out, parts->port, parts->port_length, use, err);
    bool is_service = parts->port_length && parts->port_length < sizeof out->service;
    for (size_t i = 0; i < parts->port_length; i++)
        is_service = is_service && (isalnum((unsigned char)parts->port[i]) || strchr("-_.+", parts->port[i]));
    if (!is_service)
        return error_set(err, EINVAL, "want a port behind the colon: a number or the name of a service");
    snprintf(out->service, sizeof out->service, "%.*s", (int)parts->port_length, parts->port);
    return 0;
}

/* Where one connects to or listens, a device that is not part of the address says nothing, but for the loopback device. */
static int check_device(const struct parts *parts, enum target_use use, struct error *err)
{
    bool any = parts->device && use != TARGET_LISTENER;
    if (any && (parts->device_length != 2 || memcmp(parts->device, "lo", 2)))
        return error_set(err, EINVAL, "a device is no place to go to: want an address of it, without %%%.*s",
                         (int)parts->device_length, parts->device);
    return 0;
}

static int add_host(struct target_meaning *out, const struct parts *parts, enum target_use use, struct error *err)
{
    char host[TARGET_VALUE_SIZE];
    bool star = parts->host_length == 1 && *parts->host == '*';
    const char *zone = parts->zone ? parts->zone : use == TARGET_LISTENER ? parts->device : NULL;
    size_t zone_length = parts->zone ? parts->zone_length : parts->device_length;
    if (!parts->host_length && !zone)
        return 0;
    if (star && use == TARGET_PEER) /* whoever listens there takes what the default address gets */
        return 0;
    if (!parts->host_length || (zone && !zone_length))
        return error_set(err, EINVAL, "want an address before '%%', and a device behind it");
    size_t length = (size_t)snprintf(host, sizeof host, "%.*s%s%.*s", star ? 2 : (int)parts->host_length,
                                     star ? "::" : parts->host, zone ? "%" : "", zone ? (int)zone_length : 0, zone ? zone : "");
    return length >= sizeof host ? too_long(err) : add(out, "host", host, length, err);
}

static int read_address(const char *text, size_t length, enum target_use use, struct target_meaning *out, struct error *err)
{
    struct parts parts;
    int status = split(text, length, &parts, err);
    if (!status)
        status = check_device(&parts, use, err);
    if (!status)
        status = add_host(out, &parts, use, err);
    return status ? status : add_port(out, &parts, use, err);
}

/* "SCHEME://USER@HOST:PORT/PATH?QUERY": who asks for the path and as whom does not matter. */
static int read_url(const char *word, const char *authority, enum target_use use, struct target_meaning *out, struct error *err)
{
    size_t length = strcspn(authority, "/?#"), scheme = (size_t)(authority - word) - strlen("://");
    const char *at = memrchr(authority, '@', length);
    if (at) {
        length -= (size_t)(at + 1 - authority);
        authority = at + 1;
    }
    if (!length)
        return error_set(err, EINVAL, "want a host: SCHEME://HOST[:PORT]");
    int status = read_address(authority, length, use, out, err);
    bool has_port = *out->service || (out->count && !strcmp(out->options[out->count - 1].name, "port"));
    if (status || has_port)
        return status;
    return add_port(out, &(struct parts){.port = word, .port_length = scheme}, use, err);
}

/* ---- Forms that force what is meant ---- */

static const struct target_form forms[] = {
    {"unix:", "unix", false, "a path or @NAME"}, {"process:", "process", true, "a name"}, {"unit:", "unit", true, "a name"},
    {"container:", "container", true, "an id"},  {"pid:", "pid", true, "a number"},       {"service:", NULL, false, "a name"},
};

#define FORMS (sizeof forms / sizeof *forms)

const struct target_form *target_form_at(size_t n)
{
    return n < FORMS ? &forms[n] : NULL;
}

static int read_form(size_t form, const char *rest, enum target_use use, struct target_meaning *out, struct error *err)
{
    if (!strcmp(forms[form].prefix, "unix:") && !strncmp(rest, "//", 2)) /* of a URL */
        rest += 2;
    if (!*rest)
        return error_set(err, EINVAL, "want %s behind %s", forms[form].behind, forms[form].prefix);
    if (forms[form].running && use != TARGET_LISTENER)
        return error_set(err, EINVAL, "that names who listens already: want an address, HOST:PORT or a socket's path");
    if (!forms[form].option)
        return add_port(out, &(struct parts){.port = rest, .port_length = strlen(rest)}, use, err);
    return add(out, forms[form].option, rest, strlen(rest), err);
}

/* "HOST:DIGITS" and then a slash: a URL whose scheme was left out. */
static bool is_slashed_address(const char *word)
{
    size_t length = strcspn(word, "/"), host = strcspn(word, ":/");
    return word[length] == '/' && host && host < length && is_number(word + host + 1, length - host - 1);
}

static int read_host(const char *word, size_t length, struct target_meaning *out, struct error *err)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)word[i] <= ' ' || word[i] == 0x7f)
            return error_set(err, EINVAL,
                             "want a host's name, HOST:PORT, a port or a socket's path: there are no blanks in these");
    return add(out, "host", word, length, err);
}

static int read_word(const char *word, enum target_use use, struct target_meaning *out, struct error *err)
{
    size_t length = strlen(word);
    const char *authority = strstr(word, "://");
    for (size_t i = 0; i < FORMS; i++)
        if (!strncasecmp(word, forms[i].prefix, strlen(forms[i].prefix)))
            return read_form(i, word + strlen(forms[i].prefix), use, out, err);
    if (is_number(word, length))
        return add_port_number(out, word, length, use, err);
    if (*word == '@')
        return add(out, "unix", word, length, err);
    if (authority && authority != word && strcspn(word, ":/") == (size_t)(authority - word))
        return read_url(word, authority + strlen("://"), use, out, err);
    if (*word == '[' || is_slashed_address(word))
        return read_address(word, strcspn(word, "/"), use, out, err);
    if (strchr(word, '/'))
        return add(out, "unix", word, length, err);
    bool is_name = !strpbrk(word, ":%*") && !is_address(AF_INET, word, length);
    if (!is_name)
        return read_address(word, length, use, out, err);
    if (strspn(word, DIGITS "+,") == length)
        return error_set(err, EINVAL, "want one port, a whole number from 1 to 65535");
    if (use != TARGET_LISTENER)
        return read_host(word, length, out, err);
    if (length >= sizeof out->word)
        return too_long(err);
    snprintf(out->word, sizeof out->word, "%s", word);
    return 0;
}

/* What is missing where nothing is there; NULL: something is. */
static const char *want_something(const char *word, enum target_use use)
{
    size_t length = strlen(word), blanks = strspn(word, " \t");
    if (length == blanks)
        return use == TARGET_LISTENER ? "want HOST:PORT, a port, a socket's path, or the name of who listens"
                                      : "want HOST:PORT, a port, or a socket's path";
    return blanks || word[length - 1] == ' ' || word[length - 1] == '\t' ? "want it without blanks around it" : NULL;
}

int target_read(const char *word, enum target_use use, struct target_meaning *out, struct error *err)
{
    struct error why = {0};
    *out = (struct target_meaning){0};
    const char *missing = want_something(word, use);
    int status = missing ? error_set(&why, EINVAL, "%s", missing) : read_word(word, use, out, &why);
    return status ? error_set(err, EINVAL, "target '%.80s': %s", word, why.text) : 0;
}

const char *target_port_hint(const char *word, char out[TARGET_HINT_SIZE])
{
    const char *last = strrchr(word, ':');
    size_t length = strlen(word), host = last ? (size_t)(last - word) : 0;
    *out = '\0';
    if (last && is_address(AF_INET6, word, length) && is_address(AF_INET6, word, host) && is_number(last + 1, strlen(last + 1)))
        snprintf(out, TARGET_HINT_SIZE, " (port %.5s of %.*s is [%.*s]:%.5s)", last + 1, (int)host, word, (int)host, word,
                 last + 1);
    return out;
}
