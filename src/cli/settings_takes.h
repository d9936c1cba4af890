/* One function for each kind of value: reads `text` (NULL for a flag) into *field, which has the type that its name says, or the
   struct that it fills. 0, or -EINVAL / -ERANGE with what is accepted. */
#ifndef CLI_SETTINGS_TAKES_H
#define CLI_SETTINGS_TAKES_H

#include "backlogctl/options.h"

typedef int option_take(const struct option_spec *spec, const char *text, void *field, struct error *err);
option_take take_flag, take_text, take_name, take_family, take_port, take_backlog, take_u32, take_i64, take_duration, take_freeze,
    take_color, take_expectations, take_resize, take_accept_rate, take_varied, take_preset, take_pid, take_address, take_columns,
    take_sort, take_sysctl, take_sources;

#endif
