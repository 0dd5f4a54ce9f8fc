/* A load of HTTP/1.1 requests over keep-alive connections to a port of this machine, closed or open.

   load PORT CONNECTIONS RATE WARM_SECONDS SECONDS REQUEST_FILE MARK TIMES

   RATE 0: closed; each connection sends the next request after the response to the last. RATE above 0: open; requests
   are due at random times (Poisson, the same for every gateway), independent of earlier ones. If all connections are
   busy, a request waits. Latency counts from the due time, so a stall shows in every request that it delays. A request
   without a response at the end counts with its wait so far.

   A response is right if its status is 200 and its body contains MARK exactly TIMES times. The tool prints "begin" after
   the warm-up, "end" at the end, and one line of JSON: counts, latencies and times to the first MARK in microseconds. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 18, MOST_CONNECTIONS = 4096 };

typedef struct {
    int fd, busy, responses; /* responses: number on this connection so far */
    double due, first;
    size_t have, at, body; /* bytes read, offset of the next chunk, bytes of the decoded body */
    long length;           /* of the body; -1: chunked, -2: the head is incomplete */
    char *in, *out;        /* as read; the decoded body of a chunked response */
} Connection;

typedef struct { uint32_t *values; size_t count, room; } Times;

static struct sockaddr_in address;
static char *request, *mark;
static size_t request_size;
static int times_expected, epoll, timer, connections;
static Connection all[MOST_CONNECTIONS];
static int idle[MOST_CONNECTIONS], idle_first, idle_count; /* a ring: the connection idle for longest is next */
static double *queue;                                      /* due times of all requests */
static size_t queue_first, queue_last, queue_room;
static double rate, begin, end;
static Times latencies, firsts;
static long right, wrong, failed, reopened, statuses[600];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) { perror(what), exit(2); }

static void add_time(Times *times, double seconds) {
    if (times->count == times->room) {
        times->room = times->room ? times->room * 2 : 1 << 16;
        if (!(times->values = realloc(times->values, times->room * sizeof(uint32_t)))) die("realloc");
    }
    times->values[times->count++] = seconds * 1e6;
}

static void open_connection(Connection *c) {
    if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0) die("socket");
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
    c->responses = 0;
}

static void send_request(Connection *c) {
    c->have = c->at = c->body = 0, c->first = 0, c->length = -2, c->busy = 1;
    if (send(c->fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size && errno != EPIPE && errno != ECONNRESET)
        die("send");
}

static void set_free(Connection *c) {
    c->busy = 0;
    idle[(idle_first + idle_count++) % connections] = c - all;
}

static void start_due(void) { /* send due requests on free connections */
    while (idle_count && queue_first < queue_last) {
        Connection *c = &all[idle[idle_first]];
        idle_first = (idle_first + 1) % connections, idle_count--;
        c->due = queue[queue_first++];
        send_request(c);
    }
}

/* The server closed the connection. On a keep-alive connection before the first byte of a response, the request is sent
   again, as clients do. On a new connection, or within a response, it counts as failed. */
static void closed(Connection *c) {
    int fresh = !c->responses;
    close(c->fd);
    open_connection(c);
    if (!c->busy) return;
    if (!fresh && !c->have) {
        reopened++;
        send_request(c);
        return;
    }
    failed += now() >= begin;
    if (rate) set_free(c);
    else c->due = now(), send_request(c);
}

static int count_marks(const char *body, size_t size) {
    int found = 0;
    size_t length = strlen(mark);
    for (const char *at = body; (at = memmem(at, body + size - at, mark, length)); at += length) found++;
    return found;
}

static void complete(Connection *c, const char *body, size_t size) {
    double moment = now();
    int status = atoi(c->in + 9), good = status == 200 && count_marks(body, size) == times_expected;
    c->responses++;
    if (moment >= begin && moment < end) {
        statuses[status < 600 ? status : 0]++;
        right += good, wrong += !good;
        add_time(&latencies, moment - c->due);
        if (c->first) add_time(&firsts, c->first - c->due);
    }
    if (rate) set_free(c);
    else c->due = moment, send_request(c);
}

static void read_head(Connection *c) {
    char *stop = memmem(c->in, c->have, "\r\n\r\n", 4), *found;
    if (!stop) return;
    *stop = 0;
    c->at = stop + 4 - c->in;
    c->length = (found = strcasestr(c->in, "\r\ncontent-length:")) ? atol(found + 17) : -1;
}

/* Decode the body of a chunked response; return whether it is complete. */
static int read_chunks(Connection *c) {
    for (;;) {
        char *line = c->in + c->at, *stop = memmem(line, c->have - c->at, "\r\n", 2);
        if (!stop) return 0;
        size_t size = strtoul(line, NULL, 16), next = stop + 2 - c->in + size + 2;
        if (next > c->have) return 0;
        memcpy(c->out + c->body, stop + 2, size);
        c->body += size, c->at = next;
        if (!c->first && count_marks(c->out, c->body)) c->first = now();
        if (!size) return 1;
    }
}

static void readable(Connection *c) {
    ssize_t got = recv(c->fd, c->in + c->have, ROOM - 1 - c->have, 0);
    if (got <= 0 || !c->busy) {
        closed(c);
        return;
    }
    c->have += got;
    if (c->length == -2) read_head(c);
    if (c->length >= 0 && c->have >= c->at + c->length) complete(c, c->in + c->at, c->length);
    else if (c->length == -1 && read_chunks(c)) complete(c, c->out, c->body);
}

static void schedule(double started) { /* compute all due times */
    double moment = started;
    queue_room = rate * (end - started) * 1.2 + 1000;
    queue = malloc(queue_room * sizeof *queue);
    srand48(1);
    for (size_t n = 0; n < queue_room; n++) queue[n] = moment += -log(1 - drand48()) / rate;
}

static void fall_due(void) { /* enqueue due requests; set the timer to the next due time */
    double moment = now();
    while (queue_last < queue_room && queue[queue_last] <= moment) queue_last++;
    double next = queue_last < queue_room ? queue[queue_last] : end + 1;
    struct itimerspec when = {.it_value = {next, (next - floor(next)) * 1e9}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int smaller(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_times(const char *name, Times *t) {
    static const double shares[] = {50, 90, 99, 99.9};
    qsort(t->values, t->count, sizeof(uint32_t), smaller);
    printf(", \"%s\": {", name);
    for (int n = 0; n < 4 && t->count; n++)
        printf("\"p%g\": %u, ", shares[n], t->values[(size_t)ceil(shares[n] / 100 * t->count) - 1]);
    printf("\"max\": %u}", t->count ? t->values[t->count - 1] : 0);
}

static void report(void) {
    printf("{\"right\": %ld, \"wrong\": %ld, \"failed\": %ld, \"reopened\": %ld, \"statuses\": {", right, wrong, failed, reopened);
    for (int n = 0, some = 0; n < 600; n++)
        if (statuses[n]) printf("%s\"%d\": %ld", some++ ? ", " : "", n, statuses[n]);
    printf("}");
    print_times("latency", &latencies);
    print_times("first", &firsts);
    printf("}\n");
}

static void say(const char *line) { puts(line), fflush(stdout); }

int main(int count, char **given) {
    if (count != 9) return fprintf(stderr, "usage: see the first lines of load.c\n"), 2;
    address = (struct sockaddr_in){AF_INET, htons(atoi(given[1])), {htonl(INADDR_LOOPBACK)}, {0}};
    connections = atoi(given[2]), rate = atof(given[3]), mark = given[7], times_expected = atoi(given[8]);
    FILE *file = fopen(given[6], "rb");
    request = malloc(1 << 20);
    if (!file || !(request_size = fread(request, 1, 1 << 20, file))) die(given[6]);
    epoll = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event events[256], ring = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &ring);
    for (int n = 0; n < connections; n++) {
        all[n].in = calloc(1, ROOM), all[n].out = calloc(1, ROOM);
        open_connection(&all[n]);
    }
    double started = now();
    begin = started + atof(given[4]), end = begin + atof(given[5]);
    if (rate) schedule(started);
    for (int n = 0; n < connections; n++) {
        if (rate) set_free(&all[n]);
        else all[n].due = started, send_request(&all[n]);
    }
    if (rate) fall_due();
    for (int begun = 0;;) {
        double moment = now();
        if (!begun && moment >= begin) begun = 1, say("begin");
        if (moment >= end) break;
        int ready = epoll_wait(epoll, events, 256, 1 + ((begun ? end : begin) - moment) * 1000);
        for (int n = 0; n < ready; n++) {
            if (events[n].data.ptr) readable(events[n].data.ptr);
            else { uint64_t rings; if (read(timer, &rings, 8) == 8) fall_due(); }
        }
        if (rate) start_due();
    }
    say("end");
    for (int n = 0; rate && n < connections; n++)
        if (all[n].busy && all[n].due < end) add_time(&latencies, end - all[n].due);
    for (; queue_first < queue_last && queue[queue_first] < end; queue_first++) add_time(&latencies, end - queue[queue_first]);
    report();
    return 0;
}
