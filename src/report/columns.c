/* The columns of a list of listeners: one row here drives --columns, --sort, their help and the table. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

/* Without its zone, whose number may mean nothing here: the survey has put the name into `device`. */
static const char *address_text(const struct listener *l, char out[ENDPOINT_TEXT_SIZE])
{
    struct endpoint plain = l->local;
    plain.scope = *l->device ? 0 : plain.scope;
    return endpoint_address_text(&plain, out);
}

const char *report_place(const struct listener *l, char out[LIST_CELL_SIZE])
{
    char text[ENDPOINT_TEXT_SIZE], name[UNIX_NAME_SIZE];
    if (is_unix((enum socket_kind)l->kind))
        snprintf(out, LIST_CELL_SIZE, "%s", l->path_length ? listener_name(l, name) : "(no name)");
    else if (l->dual_stack)
        snprintf(out, LIST_CELL_SIZE, "*%s%s:%u", *l->device ? "%" : "", l->device, l->local.port);
    else if (l->local.scope && *l->device)
        snprintf(out, LIST_CELL_SIZE, "[%s%%%s]:%u", address_text(l, text), l->device, l->local.port);
    else if (*l->device)
        snprintf(out, LIST_CELL_SIZE, l->local.family == AF_INET6 ? "[%s]%%%s:%u" : "%s%%%s:%u", address_text(l, text), l->device,
                 l->local.port);
    else
        snprintf(out, LIST_CELL_SIZE, "%s", endpoint_text(&l->local, text));
    return out;
}

static void number_text(char out[LIST_CELL_SIZE], bool known, uint64_t value)
{
    snprintf(out, LIST_CELL_SIZE, known ? "%" PRIu64 : "-", value);
}

static void text_kind(const struct listener *l, char out[LIST_CELL_SIZE])
{
    snprintf(out, LIST_CELL_SIZE, "%s", socket_kind_name((enum socket_kind)l->kind));
}

static void text_place(const struct listener *l, char out[LIST_CELL_SIZE])
{
    report_place(l, out);
}

static void text_queue(const struct listener *l, char out[LIST_CELL_SIZE])
{
    number_text(out, true, l->queue);
}

static void text_backlog(const struct listener *l, char out[LIST_CELL_SIZE])
{
    number_text(out, true, l->backlog);
}

static void text_capacity(const struct listener *l, char out[LIST_CELL_SIZE])
{
    number_text(out, true, l->capacity);
}

static void text_percent(const struct listener *l, char out[LIST_CELL_SIZE])
{
    snprintf(out, LIST_CELL_SIZE, "%" PRIu32 "%%", l->percent);
}

static void text_half_open(const struct listener *l, char out[LIST_CELL_SIZE])
{
    number_text(out, l->half_open_known, l->half_open);
}

static void text_drops(const struct listener *l, char out[LIST_CELL_SIZE])
{
    number_text(out, l->drops_known, l->drops);
}

static void text_oldest(const struct listener *l, char out[LIST_CELL_SIZE])
{
    char span[NSEC_TEXT_SIZE];
    snprintf(out, LIST_CELL_SIZE, "%s", l->oldest_known ? nsec_text(l->oldest_ms * NSEC_PER_MSEC, span) : "-");
}

static void text_process(const struct listener *l, char out[LIST_CELL_SIZE])
{
    if (!l->pid)
        snprintf(out, LIST_CELL_SIZE, "-");
    else if (l->processes > 1)
        snprintf(out, LIST_CELL_SIZE, "%s/%d+%" PRIu32, l->process, (int)l->pid, l->processes - 1);
    else
        snprintf(out, LIST_CELL_SIZE, "%s/%d", l->process, (int)l->pid);
}

static void text_pidns(const struct listener *l, char out[LIST_CELL_SIZE])
{
    number_text(out, l->pidns, l->pidns);
}

static void text_netns(const struct listener *l, char out[LIST_CELL_SIZE])
{
    number_text(out, l->netns, l->netns);
}

static void text_member(const struct listener *l, char out[LIST_CELL_SIZE])
{
    if (l->group > 1)
        snprintf(out, LIST_CELL_SIZE, "%" PRIu32 "/%" PRIu32, l->member, l->group);
    else
        snprintf(out, LIST_CELL_SIZE, "-");
}

static void text_uid(const struct listener *l, char out[LIST_CELL_SIZE])
{
    number_text(out, true, l->uid);
}

static void text_inode(const struct listener *l, char out[LIST_CELL_SIZE])
{
    number_text(out, l->inode, l->inode);
}

void text_of_remarks(const struct listener *l, char out[LIST_CELL_SIZE])
{
    size_t used = 0;
    *out = '\0';
    for (int r = 0; r < REMARK_COUNT; r++)
        if (l->remarks & 1u << r)
            used += (size_t)snprintf(out + used, LIST_CELL_SIZE - used, "%s%s", used ? "," : "", remark_name((enum remark)r));
    if (!used)
        snprintf(out, LIST_CELL_SIZE, "-");
}

static int64_t order_place(const struct listener *l)
{
    return is_unix((enum socket_kind)l->kind) ? INT64_C(65536) : l->local.port;
}

static int64_t order_queue(const struct listener *l)
{
    return (int64_t)l->queue;
}

static int64_t order_backlog(const struct listener *l)
{
    return (int64_t)l->backlog;
}

static int64_t order_percent(const struct listener *l)
{
    return l->percent;
}

static int64_t order_half_open(const struct listener *l)
{
    return l->half_open_known ? (int64_t)l->half_open : -1;
}

static int64_t order_drops(const struct listener *l)
{
    return l->drops_known ? (int64_t)l->drops : -1;
}

static int64_t order_oldest(const struct listener *l)
{
    return l->oldest_known ? (int64_t)l->oldest_ms : -1;
}

static int64_t order_netns(const struct listener *l)
{
    return (int64_t)l->netns;
}

static int64_t order_member(const struct listener *l)
{
    return l->group > 1 ? l->member : 0;
}

static int64_t order_uid(const struct listener *l)
{
    return l->uid;
}

static int64_t order_inode(const struct listener *l)
{
    return l->inode;
}

/* Flags of a remark in the order of their weight, for sorting. */
static int64_t order_remarks(const struct listener *l)
{
    int64_t weight = 0;
    for (int r = 0; r < REMARK_COUNT; r++)
        weight = weight * 2 + (l->remarks >> r & 1);
    return weight;
}

const struct list_column list_columns[] = {
    {"kind", "kind", "tcp, mptcp, unix_stream or unix_seqpacket", false, true, false, text_kind, NULL},
    {"address", "address", "where it listens; *:PORT takes IPv6 and IPv4; a leading @: an abstract AF_UNIX name", false, true,
     true, text_place, order_place, 21},
    {"queue", "queue", "connections that wait to be accepted (accept queue)", true, true, false, text_queue, order_queue},
    {"backlog", "backlog", "effective backlog, after the clamp by net.core.somaxconn", true, true, false, text_backlog,
     order_backlog},
    {"capacity", "capacity", "connections that the accept queue holds: backlog + 1", true, false, false, text_capacity,
     order_backlog},
    {"percent", "full", "queue of capacity", true, true, false, text_percent, order_percent},
    {"half_open", "half", "half-open requests (SYN queue); of the whole reuseport group", true, true, false, text_half_open,
     order_half_open},
    {"drops", "drops", "packets that it dropped since it was made", true, true, false, text_drops, order_drops},
    {"oldest", "oldest", "how long the first in the queue has waited; of the whole reuseport group", true, true, false,
     text_oldest, order_oldest},
    {"member", "member", "place in its reuseport group", true, true, false, text_member, order_member},
    {"process", "process", "name/pid of who holds it, +N: and N more", false, true, true, text_process, NULL, 12},
    {"pidns", "pidns", "pid namespace of that process, if it is not ours", true, true, false, text_pidns, NULL},
    {"netns", "netns", "network namespace (shown with --all-netns)", true, false, false, text_netns, order_netns},
    {"uid", "uid", "user id of who made it", true, false, false, text_uid, order_uid},
    {"inode", "inode", "inode of the socket", true, false, false, text_inode, order_inode},
    {"remarks", "remarks", "what is worth saying, see backlogctl(7)", false, true, true, text_of_remarks, order_remarks, 13},
};

void list_cell(size_t column, const struct listener *listener, size_t width, char out[LIST_CELL_SIZE])
{
    list_columns[column].text(listener, out);
    size_t length = strlen(out), tail = 0;
    if (length <= width || width < 3)
        return;
    if (list_columns[column].text == text_place)
        tail = width - 2;
    else if (list_columns[column].text == text_process && strrchr(out, '/'))
        tail = strlen(strrchr(out, '/'));
    if (tail > width - 2)
        tail = width - 2;
    memmove(out + width - tail, out + length - tail, tail + 1);
    memcpy(out + width - tail - 2, "..", 2);
    out[width] = '\0';
}

size_t report_column_count(void)
{
    return sizeof list_columns / sizeof *list_columns;
}

const char *report_column_name(size_t column)
{
    return column < report_column_count() ? list_columns[column].name : "?";
}

int report_column_find(const char *name)
{
    for (size_t c = 0; c < report_column_count(); c++) {
        size_t i = 0;
        while (name[i] && (name[i] == list_columns[c].name[i] || (name[i] == '-' && list_columns[c].name[i] == '_')))
            i++;
        if (!name[i] && !list_columns[c].name[i])
            return (int)c;
    }
    return -1;
}

enum list_need report_column_need(size_t column)
{
    void (*text)(const struct listener *, char *) = list_columns[column].text;
    if (text == text_process || text == text_pidns)
        return LIST_NEEDS_OWNERS;
    return text == text_half_open || text == text_oldest || text == text_of_remarks ? LIST_NEEDS_WAITING : LIST_NEEDS_NOTHING;
}

int report_column_compare(size_t column, const struct listener *a, const struct listener *b)
{
    const struct list_column *c = &list_columns[column];
    if (c->order) {
        int64_t left = c->order(a), right = c->order(b);
        if (left != right)
            return left < right ? -1 : 1;
        if (c->order != order_place)
            return 0;
    }
    char left[LIST_CELL_SIZE], right[LIST_CELL_SIZE];
    c->text(a, left);
    c->text(b, right);
    return strcmp(left, right);
}

void report_columns_help(FILE *out)
{
    for (size_t c = 0; c < report_column_count(); c++)
        fprintf(out, "%-10s %s%s\n", list_columns[c].name, list_columns[c].help,
                list_columns[c].usual ? "" : " (not by default)");
}
