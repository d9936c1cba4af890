/* Sysctls of the calling thread's network namespace, through /proc/sys/net. */
#include "backlogctl/netns.h"

#include "backlogctl/fd.h"
#include "backlogctl/parse.h"
#include "backlogctl/procfs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROOT "/proc/sys/"
#define KEY_MAX 200
#define PATH_SIZE (sizeof ROOT + KEY_MAX)

static bool is_separator(char c)
{
    return c == '.' || c == '/';
}

static bool is_key_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || is_separator(c);
}

bool sysctl_key_valid(const char *key)
{
    if (strncmp(key, "net", 3) || !is_separator(key[3]))
        return false;
    size_t length = strlen(key);
    for (size_t i = 0; i < length; i++)
        if (!is_key_character(key[i]) || (is_separator(key[i]) && is_separator(key[i + 1])))
            return false;
    return !is_separator(key[length - 1]) && length <= KEY_MAX;
}

/* As sysctl(8) reads keys: the first separator is the one that separates, and the other one stands for the
   first, so that net.ipv4.conf.eth0/100.forwarding and net/ipv4/conf/eth0.100/forwarding are the same file.
 */
static int key_path(const char *key, char out[PATH_SIZE], struct error *err)
{
    if (!sysctl_key_valid(key))
        return error_set(err, EINVAL, "'%.100s' is not a sysctl of net.*", key);
    size_t used = (size_t)snprintf(out, PATH_SIZE, ROOT "%s", key);
    if (key[3] == '/')
        return 0;
    for (size_t i = sizeof ROOT - 1; i < used; i++)
        out[i] = out[i] == '.' ? '/' : out[i] == '/' ? '.' : out[i];
    return 0;
}

/* Some kernels (6.1 does) leave out all of net.core where not root made the namespace (net/core/sysctl_net_core.c). */
static const char *why_absent(const char *key)
{
    return !strncmp(key, "net.core.", 9) && access(ROOT "net/core/somaxconn", F_OK)
               ? "this kernel has those of net.core only in network namespaces that root makes: as root it can be done"
               : "there is no such one in this network namespace";
}

static int key_failed(const char *what, const char *key, int code, struct error *err)
{
    return error_set(err, code, "cannot %s sysctl %s: %s", what, key,
                     code == ENOENT                    ? why_absent(key)
                     : code == EACCES || code == EPERM ? "no right to it in this network namespace"
                                                       : strerror(code));
}

int sysctl_read(const char *key, char out[SYSCTL_VALUE_SIZE], struct error *err)
{
    char path[PATH_SIZE];
    int status = key_path(key, path, err);
    if (status)
        return status;
    ssize_t got = procfs_read(path, out, SYSCTL_VALUE_SIZE);
    if (got < 0)
        return key_failed("read", key, (int)-got, err);
    if (got == SYSCTL_VALUE_SIZE - 1)
        return error_set(err, EOVERFLOW, "cannot read sysctl %s: its value is too long", key);
    size_t length = strlen(out);
    while (length && isspace((unsigned char)out[length - 1]))
        length--;
    out[length] = '\0';
    return 0;
}

int sysctl_write(const char *key, const char *value, struct error *err)
{
    char path[PATH_SIZE];
    int status = key_path(key, path, err);
    if (status)
        return status;
    size_t length = strlen(value);
    if (!length || length >= SYSCTL_VALUE_SIZE)
        return error_set(err, EINVAL, "cannot set sysctl %s: want a value of 1 to %d characters", key, SYSCTL_VALUE_SIZE - 1);
    SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return key_failed("set", key, errno, err);
    ssize_t put = write(fd, value, length);
    if (put < 0 && errno != EINVAL)
        return key_failed("set", key, errno, err);
    /* A short count: the kernel took a number and left the junk behind it. */
    if (put != (ssize_t)length)
        return error_set(err, EINVAL, "cannot set sysctl %s: the kernel does not take '%.80s'", key, value);
    return 0;
}

int64_t sysctl_number(const char *key)
{
    char text[SYSCTL_VALUE_SIZE];
    int64_t value;
    return sysctl_read(key, text, NULL) || parse_integer(text, 0, UINT32_MAX, &value, NULL) ? -1 : value;
}

uint32_t sysctl_somaxconn(void)
{
    int64_t value = sysctl_number("net.core.somaxconn");
    return value < 0 ? 0 : (uint32_t)value;
}

int sysctl_port_range(uint16_t *low, uint16_t *high, struct error *err)
{
    static const char key[] = "net.ipv4.ip_local_port_range";
    char text[SYSCTL_VALUE_SIZE];
    unsigned first, last;
    int status = sysctl_read(key, text, err);
    if (status)
        return status;
    if (sscanf(text, "%5u %5u", &first, &last) != 2 || !first || first > last || last > UINT16_MAX)
        return error_set(err, EBADMSG, "sysctl %s makes no sense: '%.80s'", key, text);
    *low = (uint16_t)first;
    *high = (uint16_t)last;
    return 0;
}

void boot_id(char out[BOOT_ID_SIZE])
{
    SCOPED_FD fd = open(ROOT "kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, out, BOOT_ID_SIZE - 1);
    out[length > 0 ? length : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}
