/* Where a run was made. */
#ifndef STUDY_MACHINE_H
#define STUDY_MACHINE_H

#include "backlogctl/run.h"

/* Fills in kernel, node and boot. */
void note_machine(struct run *run);

#endif
