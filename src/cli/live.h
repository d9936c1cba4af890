/* A live view of listeners on a terminal: which it lists, in which order, which one is selected, keys in and frames out. What the
   listeners are, and what a frame shows of them, is its owner's. */
#ifndef CLI_LIVE_H
#define CLI_LIVE_H

#include "backlogctl/loop.h"
#include "backlogctl/report.h"
#include "backlogctl/screen.h"

#define FILTER_SIZE 64

/* The owner's part; `context` is struct live's. */
struct live_owner {
    size_t (*count)(void *context);
    /* The i-th that there is; NULL: it is not to be listed. */
    const struct listener *(*listener)(void *context, size_t i);
    /* Two of them in the order that is chosen, below 0 when `a` comes first; reversed by the view. */
    int (*compare)(void *context, size_t a, size_t b);
    /* The same of what the order leaves open, and what no reversing changes: NULL, or 0 where it is open. */
    int (*always)(void *context, size_t a, size_t b);
    size_t sorts;                        /* orders that there are */
    void (*aim)(void *context);          /* the selection may be another one now; NULL: nobody cares */
    bool (*pause)(void *context);        /* what is shown is to stand still from now on; whether it does */
    void (*go_on)(void *context);        /* no more */
    bool (*key)(void *context, int key); /* one that only the owner knows: whether it does; NULL: none */
    void (*draw)(void *context);         /* fills live->frame */
    void (*fail)(void *context, const struct error *err);
};

/* Zeroed but for the first three, `wanted` and the descriptors, which are -1. */
struct live {
    const struct live_owner *owner;
    void *context;
    struct loop *loop;
    /* What is shown: */
    size_t *order, shown, place; /* numbers of listeners; place: of the selected one */
    bool chosen;                 /* by somebody; else the first row is selected */
    uint64_t cookie, netns;      /* of the selected one; cookie 0: none */
    size_t sort;                 /* chosen at the screen; 0: the owner's default */
    bool reverse, paused;
    char filter[FILTER_SIZE];
    /* The screen: */
    bool wanted, typing, help;
    struct screen *screen; /* NULL: batch */
    struct frame frame;
    struct loop_source keys, resized;
};

/* Whether there is a terminal to show it on. */
bool live_has_terminal(void);
/* Before the loop: signals that it will take. */
void live_block_signals(const struct live *live);
int live_open(struct live *live, bool color, struct error *err);
void live_close(struct live *live);

void live_draw(struct live *live);
/* Filters and sorts anew; whoever was chosen stays so. 0 or -ENOMEM. */
int live_arrange(struct live *live);
/* Somebody chose the one at this place. */
void live_choose(struct live *live, size_t place);
/* TCP listeners by address, then others by name. */
int live_by_address(const struct listener *a, const struct listener *b);
/* What a frame tells of the view itself. */
struct frame_view live_view(const struct live *live, const char *sort_name);

#endif
