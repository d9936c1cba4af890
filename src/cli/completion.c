/* backlogctl completion: scripts by which a shell completes the command lines of this program. */
#include "completion.h"

#include "backlogctl/embedded.h"
#include "backlogctl/output.h"

#include <string.h>

static const struct {
    const char *name;
    const struct completion_part *parts;
} shells[] = {{"bash", completion_bash}, {"zsh", completion_zsh}, {"fish", completion_fish}};

#define SHELLS (sizeof shells / sizeof *shells)

static const struct completion_part *find_part(const struct completion_part *parts, const char *line, size_t length)
{
    for (; length > 2 && *line == '@' && parts->name; parts++)
        if (length == strlen(parts->name) + 2 && !strncmp(line + 1, parts->name, length - 2))
            return parts;
    return NULL;
}

static void print_script(FILE *out, const char *text, const struct completion_part *parts)
{
    for (size_t length; *text; text += length) {
        length = strcspn(text, "\n");
        const struct completion_part *part = find_part(parts, text, length);
        length += text[length] == '\n';
        if (part)
            part->print(out);
        else
            fwrite(text, 1, length, out);
    }
}

static const char *shell_at(size_t n)
{
    return n < SHELLS ? shells[n].name : NULL;
}

static int completion_run(const struct command *command, const struct settings *settings)
{
    int shell = operand_place(command, settings);
    if (shell < 0)
        return EXIT_USAGE;
    print_script(stdout, embedded_find(embedded_completions, shells[shell].name), shells[shell].parts);
    return output_flush(command);
}

const struct command command_completion = {
    .name = "completion",
    .summary = "Print a script that completes command lines, for bash, zsh or fish",
    .run = completion_run,
    .operand = "SHELL",
    .operand_at = shell_at,
    .groups = {&options_about},
};
