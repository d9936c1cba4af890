/* The table of presets. Their words are parsed by the parser of the command line, so an option behind --preset changes one. */
#include "backlogctl/presets.h"

#include <string.h>

static const struct preset presets[] = {
    {.name = "article",
     .summary = "the classic: backlog 2 holds three, and the rest hears nothing",
     .explanation =
         "A server with a backlog of 2 accepts one client and stops. Three more are queued, because the kernel turns "
         "newcomers away only when the queue is longer than the backlog; their connect() has succeeded, and no answer ever "
         "comes. The others' SYNs are dropped without a word.",
     .words = {"--backlog", "2", "--accept-count", "1", "--count", "10", "--timeout", "2s"}},
    {.name = "overflow",
     .summary = "a queue that was full for some milliseconds costs its clients a second",
     .explanation =
         "The server needs 12 ms a client, and the queue holds five of ten. It is full for some 12 ms and empty after 60 ms; "
         "still, the five clients whose SYN was dropped get through only after a second, when their own timer sends it "
         "again.",
     .words = {"--backlog", "4", "--accept-delay", "12ms", "--count", "10", "--timeout", "3s"},
     .timeline = true},
    {.name = "lost",
     .summary = "clients that are connected to a server that has never heard of them",
     .explanation =
         "The SYNs that were dropped at the start come back in the same timer tick and pass the check of the queue "
         "together. The SYN queue is full after two of them, so the others are answered by SYN cookies; when their last ACK "
         "comes the accept queue is full, the ACK is dropped, and the server has nothing to remember them by. With "
         "--sysctl net.ipv4.tcp_syncookies=0 nobody is lost.",
     .words = {"--backlog", "1", "--accept-delay", "300ms", "--count", "8", "--timeout", "4s"},
     .timeline = true},
    {.name = "herd",
     .summary = "a stall of half a second, and three quarters of the clients are lost",
     .explanation = "The server stalls for 500 ms while forty clients come. Five fit the queue. After a second the other 35 all "
                    "send their SYN again at once: the herd meets the empty queue of a server that takes a client each 2 ms "
                    "again. Five get in, "
                    "and thirty are lost all the same.",
     .words = {"--backlog", "4", "--stall", "500ms", "--accept-delay", "2ms", "--count", "40", "--timeout", "4s"},
     .timeline = true},
    {.name = "abort",
     .summary = "what tcp_abort_on_overflow changes, and what not",
     .explanation =
         "On a path of 200 ms two bursts of four come 400 ms apart. The second one passes the check while one place is left, "
         "so the last ACKs of three find the queue full. With net.ipv4.tcp_abort_on_overflow=1 these get a reset; "
         "without, they stay half-open. It does nothing for SYNs that were dropped, nor for clients that a SYN cookie let in.",
     .words = {"--backlog", "4", "--accept-count", "0", "--delay", "100ms", "--count", "8", "--burst", "4", "--every", "400ms",
               "--timeout", "1500ms", "--sysctl", "net.ipv4.tcp_abort_on_overflow=1"},
     .timeline = true},
    {.name = "cookies",
     .summary = "on a real path every client is connected, and the server knows of five",
     .explanation =
         "With a round trip of 40 ms all twenty SYNs arrive before the first handshake is complete, when the accept queue is "
         "still empty. Five requests fit the SYN queue, fifteen SYNs are answered by cookies, and all twenty clients are "
         "connected. Then five last ACKs fill the accept queue, and fifteen are dropped.",
     .words = {"--backlog", "4", "--accept-count", "0", "--delay", "20ms", "--count", "20", "--timeout", "1s"},
     .timeline = true},
    {.name = "clamped",
     .summary = "1024 is asked for, and somaxconn makes 16 of it without a word",
     .explanation =
         "listen(fd, 1024) succeeds, and the queue holds 17: net.core.somaxconn clamps the backlog silently. It is read when "
         "listen() is called, so raising it later changes nothing until the server listens again.",
     .words = {"--backlog", "1024", "--sysctl", "net.core.somaxconn=16", "--accept-count", "0", "--count", "20", "--timeout",
               "1s"}},
    {.name = "reuseport",
     .summary = "four listeners share a port, and a full one drops while another has room",
     .explanation =
         "A hash of addresses and ports picks the listener of each connection, and there is no falling back: 20 places "
         "for 20 clients are not enough, because the hash does not deal them out evenly.",
     .words = {"--reuseport", "4", "--backlog", "4", "--accept-count", "0", "--count", "20", "--timeout", "1s"}},
};

#define PRESETS (sizeof presets / sizeof *presets)

const struct preset *preset_at(size_t n)
{
    return n < PRESETS ? &presets[n] : NULL;
}

const struct preset *preset_find(const char *name)
{
    for (size_t i = 0; i < PRESETS; i++)
        if (!strcmp(presets[i].name, name))
            return &presets[i];
    return NULL;
}

#define INDENT 11

/* A word of `length` bytes behind the column, or on the next line. */
static size_t put_word(FILE *out, const char *word, size_t length, size_t column, size_t width)
{
    bool breaks = column > INDENT && column + 1 + length > width;
    if (breaks)
        fprintf(out, "\n%*s", INDENT, "");
    bool first = breaks || column == INDENT;
    fprintf(out, "%s%.*s", first ? "" : " ", (int)length, word);
    return (breaks ? INDENT : column) + !first + length;
}

void presets_print(FILE *out, size_t width)
{
    for (size_t i = 0; i < PRESETS; i++) {
        const struct preset *preset = &presets[i];
        size_t column = INDENT;
        fprintf(out, "%-*s", INDENT, preset->name);
        for (const char *word = preset->summary; *word; word += strspn(word, " ")) {
            size_t length = strcspn(word, " ");
            column = put_word(out, word, length, column, width);
            word += length;
        }
        fprintf(out, "\n%*s", INDENT, "");
        column = INDENT;
        for (size_t w = 0; preset->words[w]; w++)
            column = put_word(out, preset->words[w], strlen(preset->words[w]), column, width);
        if (preset->timeline)
            put_word(out, "--timeline", strlen("--timeline"), column, width);
        putc('\n', out);
    }
}
