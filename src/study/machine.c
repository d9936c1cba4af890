#include "machine.h"

#include "backlogctl/netns.h"

#include <stdio.h>
#include <sys/utsname.h>

void note_machine(struct run *run)
{
    struct utsname system;
    uname(&system);
    snprintf(run->kernel, sizeof run->kernel, "%s", system.release);
    snprintf(run->node, sizeof run->node, "%s", system.nodename);
    boot_id(run->boot);
}
