/* Servers that this program did not write, started on 127.0.0.1:60001 of the test's private namespace. */
#ifndef TESTS_SERVERS_H
#define TESTS_SERVERS_H

#include "process.h"

struct real_server {
    const char *program; /* in PATH, else the test is skipped with a word */
    struct process (*start)(const char *folder);
    long backlog;        /* that it asks for */
    const char *request; /* for `probe --send`; an answer proves that it serves */
    size_t processes;    /* that hold its socket */
};

#define REAL_SERVERS 3
extern const struct real_server real_servers[REAL_SERVERS];

/* Starts it in a folder of its own and waits until it answers; false after saying why the test is skipped. */
bool server_begin(const struct real_server *server, struct process *process, char folder[64]);

/* One request, answered; fails the test else. */
void server_must_answer(const struct real_server *server);

/* Ends it and removes the folder. */
void server_end(struct process *process, const char *folder);

/* How a python program begins that listens, and how it ends; clients are kept, in C. */
#define LISTENING                                                                                 \
    "import socket,signal,os,time;S=socket;L=[];C=[]\n"                                           \
    "def tcp(a,p=60001,b=7,share=0,only=1,device='',protocol=0,scope=0):\n"                       \
    " f=S.AF_INET6 if ':' in a else S.AF_INET;s=S.socket(f,S.SOCK_STREAM,protocol);L.append(s)\n" \
    " s.setsockopt(S.SOL_SOCKET,S.SO_REUSEPORT,share)\n"                                          \
    " f==S.AF_INET6 and s.setsockopt(S.IPPROTO_IPV6,S.IPV6_V6ONLY,only)\n"                        \
    " device and s.setsockopt(S.SOL_SOCKET,S.SO_BINDTODEVICE,device.encode())\n"                  \
    " s.bind((a,p,0,scope) if scope else (a,p));s.listen(b);return s\n"                           \
    "def local(p,t=S.SOCK_STREAM,b=7):\n"                                                         \
    " s=S.socket(S.AF_UNIX,t);L.append(s);s.bind(p);s.listen(b);return s\n"                       \
    "def client(p,n,a='127.0.0.1'):\n"                                                            \
    " for i in range(n):\n  c=S.socket();C.append(c);c.setblocking(False);c.connect_ex((a,p))\n"
#define AND_WAIT "\nprint('ready',flush=True);signal.pause()\n"
#define AND_ACCEPT "\nprint('ready',flush=True)\nwhile True: C.append(L[0].accept())\n"

/* Runs a python program and waits for its first line; false after saying why the test is skipped. */
bool python_begin(const char *program, struct process *process);
void python_end(struct process *process);

#endif
