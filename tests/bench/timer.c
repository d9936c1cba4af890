/* The least that looking takes: a loop that wakes up so often, and does nothing. The yardstick of watch. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    long seconds = argc == 3 ? atol(argv[1]) : 0, wakes = argc == 3 ? atol(argv[2]) : 0;
    if (seconds <= 0 || wakes <= 0) {
        fputs("usage: bench_timer SECONDS WAKES\n", stderr);
        return 2;
    }
    long long period = seconds * 1000000000LL / wakes;
    struct timespec every = {.tv_sec = period / 1000000000, .tv_nsec = period % 1000000000};
    struct itimerspec setting = {.it_interval = every, .it_value = every};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (timer < 0 || timerfd_settime(timer, 0, &setting, NULL)) {
        perror("timerfd");
        return 1;
    }
    for (uint64_t done = 0, more; done < (uint64_t)wakes && read(timer, &more, sizeof more) == (ssize_t)sizeof more;)
        done += more;
    return 0;
}
