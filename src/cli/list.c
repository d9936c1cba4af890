/* backlogctl list: every listener, how full it is, what it dropped, and whose it is. */
#include "backlogctl/judge.h"
#include "backlogctl/output.h"
#include "backlogctl/selection.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void print(FILE *out, const struct settings *settings, const struct survey *survey, bool to_file)
{
    struct report_style style = to_file ? (struct report_style){.color = settings->color == COLOR_ALWAYS} : output_style(settings);
    if (settings->quiet)
        return;
    if (settings->list.prometheus)
        report_survey_prometheus(out, survey);
    else if (settings->json)
        report_survey_json(out, survey);
    else
        report_survey_text(out, survey, &settings->list.view, &style);
}

static int write_file(int fd, const struct settings *settings, const struct survey *survey, struct error *err)
{
    FILE *file = fdopen(fd, "w");
    if (!file) {
        int status = error_errno(err, "cannot write --output");
        close(fd);
        return status;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask); /* mkostemp made it for us alone */
    print(file, settings, survey, true);
    int status = fflush(file) || ferror(file) || fsync(fd) ? error_errno(err, "cannot write --output") : 0;
    fclose(file);
    return status;
}

/* A reader finds the file as it was or as it is now, never a part of it. */
static int write_and_rename(const struct settings *settings, const struct survey *survey, struct error *err)
{
    const char *path = settings->list.output;
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return error_set(err, ENOMEM, "no memory for a file name");
    int fd = mkostemp(temporary, O_CLOEXEC);
    int status = fd < 0 ? error_errno(err, "cannot make a file beside --output %s", path) : write_file(fd, settings, survey, err);
    if (!status && rename(temporary, path))
        status = error_errno(err, "cannot put --output %s in place", path);
    if (status && fd >= 0)
        unlink(temporary);
    free(temporary);
    return status;
}

static int print_to_file(const struct settings *settings, const struct survey *survey, struct error *err)
{
    struct stat existing;
    sigset_t all, before;
    /* As root, rename would put a plain file in the place of /dev/null. */
    if (!lstat(settings->list.output, &existing) && !S_ISREG(existing.st_mode))
        return error_set(err, EINVAL, "--output %s is there and no regular file, which rename would replace",
                         settings->list.output);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before); /* a signal in between would leave the temporary file behind */
    int status = write_and_rename(settings, survey, err);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}

/* Without a report the reason for status 1 would be nowhere. */
static void say_broken(const struct command *command, const struct survey *survey)
{
    for (size_t i = 0; i < survey->expectation_count; i++) {
        const struct expectation *e = &survey->expectations[i];
        if (!e->ok && e->seen_known)
            say(command, "expected %s, seen %lld", e->text, (long long)e->seen);
        else if (!e->ok)
            say(command, "expected %s, but %s", e->text,
                !survey->count ? "no listener was selected" : e->broken ? "nobody knows" : "AF_UNIX listeners have none");
    }
}

static int report(const struct command *command, const struct settings *settings, const struct survey *survey, struct error *err)
{
    if (settings->list.output) {
        if (print_to_file(settings, survey, err))
            return say_error(command, err);
    } else {
        print(stdout, settings, survey, false);
        int status = output_flush(command);
        if (status)
            return status;
    }
    if (settings->quiet || settings->list.prometheus)
        say_broken(command, survey);
    return survey->ok ? EXIT_DONE : EXIT_EXPECTATION;
}

static int list_run(const struct command *command, const struct settings *settings)
{
    struct survey survey = {0};
    struct error err = {0};
    if (settings->list.columns_help) {
        report_columns_help(stdout);
        return output_flush(command);
    }
    int status = selection_take(&survey, settings, &err) ? say_error(command, &err) : report(command, settings, &survey, &err);
    survey_release(&survey);
    return status;
}

const struct command command_list = {
    .name = "list",
    .summary = "Show every listener: how full its queue is, what it dropped, whose it is",
    .run = list_run,
    .groups = {&options_select, &options_list, &options_output},
};
