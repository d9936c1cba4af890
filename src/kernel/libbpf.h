/* libbpf, which is loaded by who traces. */
#ifndef KERNEL_LIBBPF_H
#define KERNEL_LIBBPF_H

#include "backlogctl/late.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* clang-format off */
#define LIBBPF_NAMES(X) \
    X(bpf_iter_create) X(bpf_link__destroy) X(bpf_link__fd) X(bpf_map__initial_value) X(bpf_map__set_max_entries) \
    X(bpf_map_get_next_key) X(bpf_map_lookup_elem) X(bpf_map_update_elem) X(bpf_obj_get_info_by_fd) X(bpf_object__close) \
    X(bpf_object__find_map_by_name) X(bpf_object__find_map_fd_by_name) X(bpf_object__find_program_by_name) \
    X(bpf_object__load) X(bpf_object__next_program) X(bpf_object__open_mem) X(bpf_prog_load) X(bpf_program__attach) \
    X(bpf_program__attach_iter) X(bpf_program__fd) X(bpf_program__set_autoload) X(bpf_raw_tracepoint_open) \
    X(btf__find_by_name_kind) X(btf__free) X(btf__load_vmlinux_btf) X(btf__type_by_id) X(libbpf_set_print) \
    X(libbpf_set_strict_mode) X(ring_buffer__consume) X(ring_buffer__epoll_fd) X(ring_buffer__free) X(ring_buffer__new)
/* clang-format on */
LATE_DECLARE(libbpf, LIBBPF_NAMES)

#endif
