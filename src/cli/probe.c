/* backlogctl probe: a burst at a server that somebody runs. */
#include "backlogctl/experiment.h"
#include "backlogctl/netns.h"
#include "backlogctl/output.h"
#include "backlogctl/sockdiag.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

/* Bounds for a target that is not this host. */
#define REMOTE_COUNT_MAX 1000
#define REMOTE_RATE_MAX 1000

/* Nothing tells that somebody began to listen, so it is asked for this often. */
#define LISTENER_PAUSE (20 * NSEC_PER_MSEC)

/* Returns EXIT_DONE, or the exit status after saying why not. */
static int check_remote(const struct command *command, struct settings *settings, const struct endpoint *addresses, size_t count)
{
    for (size_t i = 0; i < count && !settings->transport.path; i++) {
        struct error err = {0};
        char text[ENDPOINT_TEXT_SIZE];
        bool local = false;
        route_is_local(&addresses[i], &local, NULL);
        if (local || endpoint_is_loopback(&addresses[i]))
            continue;
        endpoint_address_text(&addresses[i], text);
        if (!settings->probe.allow_remote) {
            error_set(&err, EINVAL,
                      "--host '%.80s': %s is not an address of this host: give --allow-remote if it is yours to test",
                      settings->host, text);
            return say_usage(command, err.text);
        }
        if (settings->probe.arrivals.count > REMOTE_COUNT_MAX || settings->probe.arrivals.rate > REMOTE_RATE_MAX)
            return say_usage(command, "--allow-remote: want a --count of at most 1000 and a --rate of at most 1000 "
                                      "for a target that is not this host");
        if (settings->probe.wait)
            return say_usage(command, "--wait: whether somebody listens can be seen on this host only");
        if (!settings->probe.arrivals.rate)
            settings->probe.arrivals.rate = REMOTE_RATE_MAX;
    }
    return EXIT_DONE;
}

static int listener_exists(struct sockdiag *sd, const struct endpoint *addresses, const struct transport *transport, size_t count,
                           struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct listener listener;
        int status = sockdiag_reached(sd, &addresses[i], transport, &listener, err);
        if (status || listener.known)
            return status ? status : 1;
    }
    return 0;
}

static int wait_for_listener(const struct command *command, const struct settings *settings, const struct endpoint *addresses,
                             size_t count)
{
    struct error err = {0};
    struct sockdiag sd = {0};
    char text[ENDPOINT_TEXT_SIZE], span[NSEC_TEXT_SIZE];
    int found = sockdiag_open(&sd, &err);
    nsec until = clock_now() + settings->probe.wait;
    while (!found && !(found = listener_exists(&sd, addresses, &settings->transport, count, &err)) && clock_now() < until)
        nanosleep(&(struct timespec){.tv_nsec = LISTENER_PAUSE}, NULL);
    sockdiag_close(&sd);
    if (found < 0)
        return say_error(command, &err);
    if (found)
        return EXIT_DONE;
    say(command, "nobody listens on %s after --wait %s: is the server started, and there?",
        settings->transport.path ? settings->transport.path : endpoint_text(&addresses[0], text),
        nsec_text(settings->probe.wait, span));
    return EXIT_CANNOT;
}

static int probe_run(const struct command *command, const struct settings *given)
{
    struct settings settings = *given;
    struct endpoint addresses[TARGETS_MAX];
    struct error err = {0};
    if (!settings.port)
        return say_usage(command, "--port '0': out of range: want 1 to 65535");
    int count = settings_resolve(&settings, addresses, &err);
    if (count < 0)
        return say_error(command, &err);
    for (int i = 0; i < count; i++)
        addresses[i] = addresses[i].family == AF_UNIX ? addresses[i] : endpoint_reachable(&addresses[i]);
    int status = check_remote(command, &settings, addresses, (size_t)count);
    if (status)
        return status;
    if (settings.probe.wait && (status = wait_for_listener(command, &settings, addresses, (size_t)count)))
        return status;
    loop_block_signals();
    struct lab lab = {.count = (size_t)count};
    memcpy(lab.addresses, addresses, sizeof addresses);
    return experiment_perform(command, &settings, &lab);
}

const struct command command_probe = {
    .name = "probe",
    .summary = "Open connections at a server and say what became of each",
    .run = probe_run,
    .groups = {&options_target, &options_socket, &options_probe, &options_running, &options_account, &options_output},
};
