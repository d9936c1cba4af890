/* What inject.c and allocations.c agree on. */
#ifndef FAULTS_H
#define FAULTS_H

/* A system call that there is not: "from here on it is the program". */
#define FAULTS_MARKER 64023

/* Makes the allocation after `count` further ones fail, with `and_after` all later ones too; a negative count: none fails. */
void faults_allocations(long count, int and_after);

/* How many have failed. */
long faults_failed(void);

#endif
