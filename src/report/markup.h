/* Text in XML and HTML. */
#ifndef BACKLOGCTL_REPORT_MARKUP_H
#define BACKLOGCTL_REPORT_MARKUP_H

#include <stdio.h>

/* Text from outside, with what is not printable, or what XML forbids, escaped as everywhere (escape.h); as the value of an attribute,
   in its double quotes. */
void markup_text(FILE *out, const char *text);
void markup_attribute(FILE *out, const char *text);

/* Text that has been made safe to print: only the signs of markup are replaced. */
void markup_printable(FILE *out, const char *text);

#endif
