/* What the fuzz targets share: the fuzzer's bytes drawn one after the other, and what must hold of any of them. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* libFuzzer calls it with each input, and so does replay.c. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only replay.c has it. */
extern bool fuzz_replays __attribute__((weak));

/* What is drawn is gone; where nothing is left all that is drawn is 0 or empty. */
struct bytes {
    const uint8_t *at;
    size_t left;
};

uint8_t draw_byte(struct bytes *bytes);
bool draw_bool(struct bytes *bytes);
/* Raw, of `width` 1..8 bytes. */
uint64_t draw_raw(struct bytes *bytes, size_t width);
/* Raw, or one of those at which numbers break: 0, the greatest of each width, and the like. */
uint64_t draw_number(struct bytes *bytes);
/* The same without a sign bit: spans and counts that are signed. */
int64_t draw_positive(struct bytes *bytes);
/* 0..below - 1; `below` is 1..65536. */
size_t draw_below(struct bytes *bytes, size_t below);
/* As many as its first two bytes say, or all that is left. */
struct bytes draw_part(struct bytes *bytes);
/* A string, cut to `size`; a NUL ends it. Returns out. */
char *draw_text(struct bytes *bytes, char *out, size_t size);

/* This thread's charset: UTF-8 where there is C.UTF-8, or ASCII. */
void draw_charset(struct bytes *bytes);

/* A copy in memory of exactly that size, so that a sanitizer sees one byte too far; `shift` spoils alignment. Free `memory`. */
struct exact {
    uint8_t *memory, *bytes;
};
struct exact exact_copy(struct bytes bytes, size_t shift);

/* Ends the process, as a sanitizer does. */
_Noreturn void fuzz_failed(const char *file, int line, const char *what);
#define MUST(condition) ((condition) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #condition))

#endif
