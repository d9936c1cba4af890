/* backlogctl schema: what a JSON document of this program has, as JSON Schema. */
#include "backlogctl/output.h"

#include <stdio.h>

static int schema_run(const struct command *command, const struct settings *settings)
{
    if (!settings->operand) {
        for (size_t n = 0; report_schema_name(n); n++)
            puts(report_schema_name(n));
        return output_flush(command);
    }
    int document = operand_place(command, settings);
    if (document < 0)
        return EXIT_USAGE;
    return output_report(command, report_schema(stdout, report_schema_name((size_t)document)));
}

const struct command command_schema = {
    .name = "schema",
    .summary = "Print the JSON Schema of a JSON document, or which there are",
    .run = schema_run,
    .operand = "NAME",
    .operand_at = report_schema_name,
    .groups = {&options_about},
};
