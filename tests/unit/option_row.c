/* A row of the option table, to be compiled with a ROW: it compiles only if the kind and the field agree in type. */
#include "settings_takes.h"

const struct option_spec option_row = {ROW};
