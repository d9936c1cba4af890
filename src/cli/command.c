/* A command from its words to its exit status. */
#include "checks.h"
#include "backlogctl/target.h"

#include "backlogctl/output.h"
#include "backlogctl/presets.h"
#include "backlogctl/rights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An option of a server of our own, which says nothing of one that is started; its backlog does. */
static const struct option_spec *server_option(const struct command *command, const char *word)
{
    for (const struct option_spec *spec = command->own_server->options; spec->name; spec++)
        if (!strncmp(word, "--", 2) && !strcmp(word + 2, spec->name) && strcmp(spec->name, "backlog"))
            return spec;
    return NULL;
}

/* The preset's words come first, so that those of the command line count. */
static int parse_with_preset(const struct command *command, int count, char **words, struct settings *settings, struct error *err)
{
    const struct preset *preset = preset_find(settings->preset);
    char **all = calloc((size_t)count + PRESET_WORDS_MAX + 1, sizeof *all);
    int used = 0;
    if (!all)
        return error_set(err, ENOMEM, "no memory");
    all[used++] = words[0];
    for (size_t i = 0; preset->words[i]; i++) {
        const struct option_spec *left_out = settings->words ? server_option(command, preset->words[i]) : NULL;
        if (left_out)
            i += left_out->argument != NULL;
        else
            all[used++] = (char *)(uintptr_t)preset->words[i];
    }
    for (int i = 1; i < count; i++)
        all[used++] = words[i];
    *settings = settings_default;
    int status = options_parse(command, used, all, settings, err);
    settings->probe.timeline = settings->probe.timeline || preset->timeline;
    free(all);
    return status;
}

static uint64_t rights_of(const struct command *command, const struct settings *settings)
{
    uint64_t rights = command->rights;
    for (size_t g = 0; command->groups[g]; g++)
        for (const struct option_spec *spec = command->groups[g]->options; spec->name; spec++)
            if (settings_given(settings, spec->name))
                rights |= spec->rights;
    return rights;
}

int command_settle(const struct command *command, const struct settings *settings, struct error *err)
{
    uint64_t rights = rights_of(command, settings);
    bool writes = (rights & RIGHTS_WRITE) == RIGHTS_WRITE;
    int status = rights_keep(rights, err);
    return status || !command->only_reads ? status : rights_only_read(command->also | (writes ? RIGHTS_TO_WRITE : 0), err);
}

/* What the command and its options do not need is given up. A command that is started has the rights of who calls. */
static int give_up_rights(const struct command *command, const struct settings *settings, struct error *err)
{
    if (settings->words)
        return 0;
    if (command->settles && settings->exact != EXACT_NEVER)
        return rights_keep(rights_of(command, settings) | command->rights_first | RIGHT(SETPCAP), err); /* to give up the rest */
    return command_settle(command, settings, err);
}

int command_main(const struct command *command, int count, char **words)
{
    struct settings settings = settings_default;
    struct error err = {0};
    if (options_parse(command, count, words, &settings, &err) ||
        (settings.preset && parse_with_preset(command, count, words, &settings, &err)))
        return say_refusal(command, &err);
    settings.line = words; /* without those of a preset */
    settings.line_count = count;
    if (settings.version)
        return output_version(settings.json);
    if (settings.list_presets) {
        presets_print(stdout, (size_t)output_help_width(STDOUT_FILENO));
        return output_flush(command);
    }
    if (settings.help)
        return output_help(command, !settings.help_short);
    int status = target_take(command, &settings, &err);
    if (status)
        return status == -EINVAL ? say_usage(command, err.text) : say_error(command, &err);
    struct error junit_err = {0};
    bool tests_told = false;
    settings.tests_told = &tests_told;
    if (output_file_check("--junit", settings.junit, &junit_err))
        return say_error(command, &junit_err);
    if (give_up_rights(command, &settings, &err))
        return say_error(command, &err);
    return checks_finish(command, &settings, command->run(command, &settings));
}
