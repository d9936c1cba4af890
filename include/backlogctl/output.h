/* What commands say and how they end. stdout is data, stderr is talk. */
#ifndef BACKLOGCTL_OUTPUT_H
#define BACKLOGCTL_OUTPUT_H

#include "backlogctl/error.h"
#include "backlogctl/options.h"
#include "backlogctl/report.h"

/* Documented in backlogctl(1). */
enum exit_status {
    EXIT_DONE = 0,        /* done, and every expectation held */
    EXIT_EXPECTATION = 1, /* an expectation did not hold */
    EXIT_USAGE = 2,
    EXIT_UNDECIDED = 4, /* no expectation failed, and one could not be decided */
    EXIT_CANNOT = 3,    /* the job could not be done */
    EXIT_SIGNAL = 128,  /* + the signal's number */
};

/* "backlogctl probe: TEXT" on stderr. */
__attribute__((format(printf, 2, 3))) void say(const struct command *command, const char *format, ...);

/* The last TEXT that say() was given; "" before. Static storage. */
const char *output_last_said(void);

/* The exit status of what came of all expectations. */
int output_status(enum expectation_outcome outcome);

/* The same for an error; returns EXIT_CANNOT. */
int say_error(const struct command *command, const struct error *err);

/* A line on stderr that ends with "Try 'backlogctl probe --help'."; returns EXIT_USAGE. */
int say_usage(const struct command *command, const char *text);

/* Of a command line: EXIT_USAGE, or EXIT_CANNOT when there was no memory to read it. */
int say_refusal(const struct command *command, const struct error *err);

/* Which of the command's words its operand is; -1 after saying which there are. */
int operand_place(const struct command *command, const struct settings *settings);

/* Parses a command's words (words[0] is its name), answers --help and --version, or runs it. Returns the exit status. */
int command_main(const struct command *command, int count, char **words);

/* Prints the help of a command, all of it or a screen, as wide as the terminal; returns the exit status. */
int output_help(const struct command *command, bool all);

/* Prints the version, in JSON with what it is made of; returns the exit status. */
int output_version(bool json);

/* Flushes stdout. 0, or EXIT_CANNOT after saying why: a report that did not arrive is a failed run. */
int output_flush(const struct command *command);

/* Ends a report on stdout: `status` is what its function returned. 0, or EXIT_CANNOT after saying why it is not whole or did not
   arrive. */
int output_report(const struct command *command, int status);

/* Has `write` write a file, put in place by rename(2) when all of it is on disk; `option` is what named it. `write` returns 0
   or -ENOMEM. A file that is there keeps its mode and, where that is allowed, its owner. 0 or -errno. */
int output_file(const char *option, const char *path, int (*write)(FILE *out, void *context), void *context, struct error *err);

/* Whether that can work at all, before anything else is done; a path of NULL can. */
int output_file_check(const char *option, const char *path, struct error *err);

/* Colours and width of stdout. */
struct report_style output_style(const struct settings *settings);

/* Width of the terminal behind `fd`, 0 when it is none; that of lines of help there, or anywhere else. */
int output_columns(int fd);
int output_help_width(int fd);

#endif
