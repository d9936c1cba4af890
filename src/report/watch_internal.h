/* What the reports of watched listeners share. */
#ifndef REPORT_WATCH_INTERNAL_H
#define REPORT_WATCH_INTERNAL_H

#include "internal.h"

#include "backlogctl/watched.h"

#define WATCH_TEXT_SIZE FRAME_TEXT_SIZE

void watch_header(char out[WATCH_TEXT_SIZE], int columns);
void watch_row(const struct watched *one, int columns, bool utf8, char out[WATCH_TEXT_SIZE]);

/* "ALERT queue>=5: 127.0.0.1:80 has 7, at 3.2s" */
void watch_alert_text(const struct alert *alert, char out[WATCH_TEXT_SIZE]);

/* A character for each of the last 60 seconds, the last one `second`. Returns out. */
const char *watch_spark(const struct watched *one, uint32_t second, bool utf8, char out[WATCH_TEXT_SIZE]);

#endif
