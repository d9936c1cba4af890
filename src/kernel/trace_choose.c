/* Which hooks this kernel has, and lets us have: each is tried with a program that does nothing. */
#include "trace_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void trace_counts_release(struct trace_counts *counts)
{
    free(counts->slots);
    free(counts->sources);
    *counts = (struct trace_counts){0};
}

#ifdef BUILT_WITH_LIBBPF
#include "libbpf.h"

#define NO_CHILD "fexit/tcp_v4_syn_recv_sock and tcp_v6_syn_recv_sock"
#define ACCEPT_CALLS "tracepoints sys_exit_accept and sys_exit_accept4"

const struct trace_program trace_programs[TRACE_PROGRAM_COUNT] = {
    {"set_state", TRACE_ENTERED, 1, "tp_btf/inet_sock_set_state", TRACE_EXACT, "inet_sock_set_state", 3},
    {"accept_fexit", TRACE_WAIT, 1, "fexit/inet_csk_accept", TRACE_EXACT, "inet_csk_accept", 0},
    {"accept_exit4", TRACE_WAIT, 2, ACCEPT_CALLS, TRACE_EXACT, "syscalls/sys_exit_accept4", 0},
    {"accept_exit", TRACE_WAIT, 2, ACCEPT_CALLS, TRACE_EXACT, "syscalls/sys_exit_accept", 0},
    {"destroy", TRACE_LEFT, 1, "tp_btf/tcp_destroy_sock", TRACE_EXACT, "tcp_destroy_sock", 1},
    {"syn_consumed", TRACE_SYN, 1, "tp_btf/consume_skb", TRACE_EXACT, "consume_skb", 1},
    {"ack_dropped", TRACE_ACK, 1, "tp_btf/kfree_skb", TRACE_EXACT, "kfree_skb", 4},
    {"ack_no_child4", TRACE_ACK, 2, NO_CHILD, TRACE_EXACT, "tcp_v4_syn_recv_sock", 0},
    {"ack_no_child6", TRACE_ACK, 2, NO_CHILD, TRACE_EXACT, "tcp_v6_syn_recv_sock", 0},
    {"seed", TRACE_SEED, 1, "iter/tcp", TRACE_EXACT, "tcp", 1},
};

/* ---- Why not ---- */

static bool is_locked_down(void)
{
    char text[128] = "";
    FILE *file = fopen("/sys/kernel/security/lockdown", "re");
    if (!file)
        return false;
    bool read = fgets(text, sizeof text, file);
    fclose(file);
    return read && strstr(text, "[confidentiality]");
}

/* libbpf has errors of its own from 4000 on (LIBBPF_ERRNO__LIBELF): so it says, too, that it had no memory. */
const char *trace_why(int code)
{
    return code < 4000 ? strerror(code) : "libbpf cannot, or has no memory for it";
}

bool trace_is_starved(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOMEM || code >= 4000;
}

int trace_refused(int code, struct error *err)
{
    if ((code == ESRCH || code == ENOENT) && !access("/sys/kernel/btf/vmlinux", R_OK))
        return error_set(err, ENOMEM,
                         "cannot read the types of this kernel (/sys/kernel/btf/vmlinux): is there memory for them?");
    if (code == ESRCH || code == ENOENT)
        return error_set(err, ESRCH, "this kernel tells no types of its own (no /sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF)");
    if (code != EPERM && code != EACCES)
        return error_set(err, code, "cannot load the programs into the kernel: %s", trace_why(code));
    if (is_locked_down())
        return error_set(err, code, "this kernel is locked down (confidentiality mode): no program may read its memory");
    return error_set(err, code, "no right to load programs into the kernel: CAP_BPF and CAP_PERFMON are needed (or root)");
}

/* ---- Trials ---- */

/* How many arguments a tracepoint has, as the type of its handler says; the first of it is none. -1: there is no such tracepoint. */
static int tracepoint_arguments(const struct btf *btf, const char *name, int *id)
{
    char handler[80];
    snprintf(handler, sizeof handler, "btf_trace_%s", name);
    *id = libbpf.btf__find_by_name_kind(btf, handler, BTF_KIND_TYPEDEF);
    const struct btf_type *type = *id > 0 ? libbpf.btf__type_by_id(btf, (unsigned)*id) : NULL;
    type = type ? libbpf.btf__type_by_id(btf, type->type) : NULL;
    type = type && btf_is_ptr(type) ? libbpf.btf__type_by_id(btf, type->type) : NULL;
    return type && btf_is_func_proto(type) ? btf_vlen(type) - 1 : -1;
}

/* A program that does nothing, for this function or tracepoint. */
static int try_load(enum bpf_attach_type kind, int id)
{
    static const struct bpf_insn nothing[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
        {.code = BPF_JMP | BPF_EXIT},
    };
    const struct bpf_prog_load_opts options = {.sz = sizeof options, .expected_attach_type = kind, .attach_btf_id = (unsigned)id};
    int fd = libbpf.bpf_prog_load(BPF_PROG_TYPE_TRACING, "trial", "GPL", nothing, sizeof nothing / sizeof *nothing, &options);
    if (fd < 0)
        return -errno;
    /* Some kernels load it, and refuse to attach it. */
    int link = kind == BPF_TRACE_ITER ? dup(fd) : libbpf.bpf_raw_tracepoint_open(NULL, fd);
    int status = link < 0 ? -errno : 0;
    close(fd);
    if (link >= 0)
        close(link);
    return status;
}

static bool has_event(const char *name)
{
    static const char *const roots[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
    char path[128];
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        snprintf(path, sizeof path, "%s/events/%s/id", roots[i], name);
        if (!faccessat(AT_FDCWD, path, R_OK, AT_EACCESS)) /* access(2) takes no capability into account */
            return true;
    }
    return false;
}

static int try_program(const struct btf *btf, const struct trace_program *program)
{
    int id;
    if (!strncmp(program->hook, "tp_btf/", 7)) {
        int arguments = tracepoint_arguments(btf, program->target, &id);
        return arguments < program->arguments ? -ENOENT : try_load(BPF_TRACE_RAW_TP, id);
    }
    if (!strncmp(program->hook, "fexit/", 6)) {
        id = libbpf.btf__find_by_name_kind(btf, program->target, BTF_KIND_FUNC);
        return id < 0 ? id : try_load(BPF_TRACE_FEXIT, id);
    }
    if (program->figure == TRACE_SEED) {
        id = libbpf.btf__find_by_name_kind(btf, "bpf_iter_tcp", BTF_KIND_FUNC);
        return id < 0 ? id : try_load(BPF_TRACE_ITER, id);
    }
    return has_event(program->target) ? 0 : -ENOENT;
}

/* All of one set, or none. */
static int try_set(const struct btf *btf, const bool *refused, size_t first, bool use[TRACE_PROGRAM_COUNT], size_t *behind)
{
    int status = 0;
    size_t i = first;
    for (; i < TRACE_PROGRAM_COUNT && trace_programs[i].figure == trace_programs[first].figure &&
           trace_programs[i].set == trace_programs[first].set;
         i++) {
        int tried = refused[i] ? -EINVAL : try_program(btf, &trace_programs[i]);
        status = status ? status : tried;
        use[i] = true;
    }
    *behind = i;
    for (size_t n = first; n < i && status; n++)
        use[n] = false;
    return status;
}

bool trace_is_vital(enum trace_figure figure)
{
    return figure == TRACE_ENTERED || figure == TRACE_LEFT || figure == TRACE_SEED;
}

static int choose(const struct btf *btf, const bool *refused, bool use[TRACE_PROGRAM_COUNT], struct trace_hooks *hooks,
                  struct error *err)
{
    for (size_t i = 0, behind; i < TRACE_PROGRAM_COUNT; i = behind) {
        const struct trace_program *program = &trace_programs[i];
        struct trace_hook *hook = &hooks->of[program->figure];
        int status = try_set(btf, refused, i, use, &behind);
        if (!status && !hook->name)
            *hook = (struct trace_hook){program->hook, program->worth};
        else if (!status)
            memset(use + i, 0, (behind - i) * sizeof *use); /* a better one is there already */
        else if (trace_is_starved(-status) || (trace_is_vital(program->figure) && (status == -EPERM || status == -EACCES)))
            return trace_refused(-status, err);
        else if (trace_is_vital(program->figure) && refused[i])
            return error_set(err, -status, "the program for %s is refused: it takes Linux 5.17 or later, descriptors and memory",
                             program->hook);
        else if (trace_is_vital(program->figure))
            return error_set(err, -status, "this kernel has no %s, without which nothing can be told", program->hook);
    }
    hooks->of[TRACE_LENGTH] = hooks->of[TRACE_ENTERED]; /* the same program, a moment later */
    hooks->of[TRACE_SYN_QUEUE] = hooks->of[TRACE_SYN];  /* likewise */
    return 0;
}

int trace_choose(const bool refused[TRACE_PROGRAM_COUNT], bool use[TRACE_PROGRAM_COUNT], struct trace_hooks *hooks,
                 struct error *err)
{
    struct btf *btf = libbpf.btf__load_vmlinux_btf();
    if (!btf)
        return trace_refused(errno, err);
    int status = choose(btf, refused, use, hooks, err);
    libbpf.btf__free(btf);
    return status;
}
#endif
