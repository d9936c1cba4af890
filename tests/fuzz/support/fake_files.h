/* Files of /proc and /sys that say what the fuzzer wants. Goes with the functions of libc that fake_files.c wraps. */
#ifndef TESTS_FAKE_FILES_H
#define TESTS_FAKE_FILES_H

#include "fuzz.h"

/* From now on each file that is opened below /proc or /sys has the next part of `contents`: a byte, below ABSENT_BELOW an errno value
   (0: ENOENT), then the text (draw_part); links likewise. Behind the last part nothing is there. A list of processes shows the threads
   of this one instead, by their real numbers; what a process holds are the descriptors of this one. */
#define ABSENT_BELOW 16
void fake_files_begin(struct bytes contents);

#endif
