/* The agent for devices without Python: runner LIBRARY VERSION

   Reads one request, a line of JSON, and answers with lines of JSON, both as messages.py in
   edgeconv/runtime says. It runs .tflite files on LiteRT's C interface (version 2.3), found in
   LIBRARY. Of facts it tells versions alone (VERSION is ai-edge-litert's); the host asks the shell
   for the rest. When its standard input ends, so does it: nothing runs on without the host. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "wire.h"

enum { MOST_TENSORS = 4096, MOST_BYTES = 1 << 30, MOST_RANK = 8, MOST_ZONES = 64 };
enum { MOST_WINDOW = 4096, MOST_RUNS = 1000000, MOST_EVENTS = 65536 };
enum { MOST_PROFILED_RUNS = 1000, UNPROFILED_RUNS = 5, ASK_FOR_COUNT = 7777 };

/* The first line of a small file that begins with `key`, from behind that; an empty one where there
   is none. `path` may hold a %d for `number`. */
static const char *read_line(const char *path, int number, const char *key) {
    static char line[160];
    bool found = false;
    snprintf(line, sizeof line, path, number);
    FILE *file = fopen(line, "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = !strncmp(line, key, strlen(key));
    if (file) fclose(file);
    line[found ? strcspn(line, "\n") : 0] = 0;
    return found ? line + strlen(key) : line;
}

static void put_moment(const char *bytes, const char *key, const char *moment) { /* host.py in C */
    const char *comma = "";
    put(", \"%s\": %lld", bytes, strtoll(read_line("/proc/self/status", 0, key), NULL, 10) * 1024);
    put(", \"%s\": {\"temperatures_c\": {", moment);
    for (int zone = 0; zone < MOST_ZONES; zone++) {
        const char *told = read_line("/sys/class/thermal/thermal_zone%d/temp", zone, "");
        if (!*told) continue;
        put("%s\"thermal_zone%d\": %.3f", comma, zone, (double)strtol(told, NULL, 10) / 1000);
        comma = ", ";
    }
    put("}, \"frequencies_mhz\": [");
    comma = "";
    for (int policy = 0; policy < MOST_ZONES; policy++) {
        const char *path = "/sys/devices/system/cpu/cpufreq/policy%d/scaling_cur_freq";
        long khz = strtol(read_line(path, policy, ""), NULL, 10);
        if (khz <= 0) continue;
        put("%s%ld", comma, khz / 1000);
        comma = ", ";
    }
    put("]}");
}

typedef struct { /* what LiteRtGetRankedTensorType fills */
    int32_t element;
    uint32_t rank : 7, has_strides : 1;
    int32_t shape[MOST_RANK];
    uint32_t strides[MOST_RANK];
} TensorType;

typedef struct { /* what LiteRtGetProfilerEvents fills */
    const char *kind;
    int32_t type;
    uint64_t start_us, elapsed_us, others[8];
    int32_t source;
} Event;

typedef struct {
    size_t count, bytes[MOST_TENSORS];
    int32_t element[MOST_TENSORS];
    void *data[MOST_TENSORS], *buffer[MOST_TENSORS];
} Tensors;

enum { CPU_ONLY = 1, FLOAT32 = 1, BYTE = 3, SHORT = 7, SIGNED_BYTE = 9 };
enum { OPERATOR = 2, DELEGATED_OPERATOR = 8 };

static void *library, *compiled;
static const char *model;
static Tensors inputs, outputs;

/* Calls a function of LiteRT's; `types` are those of its parameters, in brackets. */
#define CALL(name, types, ...)                                                                     \
    do {                                                                                           \
        static int (*function) types;                                                              \
        if (!function) *(void **)&function = dlsym(library, "LiteRt" name);                        \
        if (!function) fail(UNAVAILABLE, "this LiteRT has no LiteRt%s; 2.3 has", name);            \
        int status = function(__VA_ARGS__);                                                        \
        if (status) fail(REFUSED, "%s: LiteRT cannot run it (%s: %d)", model, name, status);       \
    } while (0)

/* Memory for all inputs or outputs; each is judged by what it claims before it is allocated. */
static void make_tensors(Tensors *made, void *graph, bool in) {
    if (in) CALL("GetNumSubgraphInputs", (void *, size_t *), graph, &made->count);
    else CALL("GetNumSubgraphOutputs", (void *, size_t *), graph, &made->count);
    if (made->count > MOST_TENSORS) fail(REFUSED, "%s: over %d tensors", model, MOST_TENSORS);
    for (size_t i = 0; i < made->count; i++) {
        size_t room = 8; /* bytes, of one element at most */
        TensorType type = {0};
        void *tensor;
        if (in) CALL("GetSubgraphInput", (void *, size_t, void **), graph, i, &tensor);
        else CALL("GetSubgraphOutput", (void *, size_t, void **), graph, i, &tensor);
        CALL("GetRankedTensorType", (void *, TensorType *), tensor, &type);
        if (type.rank > MOST_RANK) fail(REFUSED, "%s: a tensor of rank %u", model, type.rank);
        for (unsigned axis = 0; axis < type.rank; room *= (size_t)type.shape[axis++])
            if (type.shape[axis] < 1 || (size_t)type.shape[axis] > MOST_BYTES / room)
                fail(REFUSED, "%s: a tensor has no fixed shape, or over 1 GiB", model);
        room = (room + 2 * 64 - 1) / 64 * 64; /* aligned, and kernels may read past the end */
        made->data[i] = aligned_alloc(64, room);
        CALL("CreateTensorBufferFromHostMemory",
             (const TensorType *, void *, size_t, void (*)(void *), void **), &type, made->data[i],
             room, NULL, &made->buffer[i]);
        CALL("GetTensorBufferPackedSize", (void *, size_t *), made->buffer[i], &made->bytes[i]);
        if (made->bytes[i] > room) fail(REFUSED, "%s: elements of over 8 bytes", model);
        made->element[i] = type.element;
    }
}

static void add_options(void *options, const char *of, const char *settings) { /* in TOML */
    void *added;
    CALL("CreateOpaqueOptions", (const char *, void *, void (*)(void *), void **), of,
         strdup(settings), free, &added);
    CALL("AddOpaqueOptions", (void *, void *), options, added);
}

static void load_model(bool profiled) {
    struct stat held;
    void *environment, *file, *graph, *options;
    char threads[40];
    model = wanted("path");
    if (find("kernels", true) && strcmp(wanted("kernels"), "default")) /* its "reference" is not */
        fail(UNAVAILABLE, "LiteRT's C library has default kernels, no %s ones", wanted("kernels"));
    if (stat(model, &held) || !S_ISREG(held.st_mode)) fail(USAGE, "%s: no such file", model);
    snprintf(threads, sizeof threads, "num_threads = %.0f\n", number("threads", 1, 1, 1024));
    CALL("CreateEnvironment", (int, const void *, void **), 0, NULL, &environment);
    CALL("CreateModelFromFile", (void *, const char *, void **), environment, model, &file);
    CALL("CreateOptions", (void **), &options);
    CALL("SetOptionsHardwareAccelerators", (void *, int), options, CPU_ONLY);
    add_options(options, "xnnpack", threads);
    if (profiled) add_options(options, "runtime_options_string", "enable_profiling = true\n");
    CALL("CreateCompiledModel", (void *, void *, void *, void **), environment, file, options,
         &compiled);
    CALL("GetModelSubgraph", (void *, size_t, void **), file, 0, &graph);
    make_tensors(&inputs, graph, true);
    make_tensors(&outputs, graph, false);
}

static void invoke(void) {
    CALL("RunCompiledModel", (void *, size_t, size_t, void **, size_t, void **), compiled, 0,
         inputs.count, inputs.buffer, outputs.count, outputs.buffer);
}

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t timed(void) {
    int64_t start = now_ns();
    invoke();
    return now_ns() - start;
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Runs until a window is tight and lies where the one before it lay; windows do not overlap. */
static long warm_up(bool *steady) { /* edgeconv/runtime/timing.py in C */
    static int64_t last[MOST_WINDOW];
    int window = (int)number("window", 8, 2, MOST_WINDOW);
    double spread = number("window_spread", 0.05, 0, INFINITY), middle = INFINITY, before;
    double drift = number("window_drift", 0.02, 0, INFINITY);
    int64_t deadline = now_ns() + (int64_t)(number("warmup_seconds", 2, 0, 3600) * 1e9);
    long runs = 0;
    for (*steady = false; !*steady && now_ns() < deadline;) {
        last[runs++ % window] = timed();
        if (runs % window) continue;
        qsort(last, (size_t)window, sizeof *last, ascending);
        before = middle;
        middle = (double)last[window / 2];
        double width = (double)(last[(window - 1) * 9 / 10] - last[window / 10]); /* p90 - p10 */
        *steady = width <= spread * middle && fabs(middle - before) <= drift * middle;
    }
    return runs;
}

static sem_t turns; /* that the host gave and that are not taken yet */

/* Lets other processes run until it is this one's turn. On one thread it stays on its core; on
   several, LiteRT's are asleep within 2 ms of a run. "ready" passes by what is begun of "timed". */
static void await_turn(void) {
    cpu_set_t here = {0};
    int core = number("threads", 1, 1, 1024) > 1 ? -1 : sched_getcpu();
    if (core >= 0) CPU_SET((unsigned)core, &here);
    if (core >= 0 && sched_setaffinity(0, sizeof here, &here)) core = -1;
    dprintf(fileno(answers), "{\"edgeconv_agent\": %d, \"type\": \"ready\"", PROTOCOL);
    dprintf(fileno(answers), core < 0 ? "}\n" : ", \"core\": %d}\n", core);
    while (sem_wait(&turns)) continue;
    invoke(); /* thrown away: another process had the caches */
}

static long sample(int64_t *samples) {
    long runs = (long)number("runs", 0, 1, MOST_RUNS), taken = 0; /* 0 where none are asked for */
    long least = (long)number("least_runs", 10, 1, MOST_RUNS);
    long most = (long)number("most_runs", 10000, (double)least, MOST_RUNS);
    double turn = number("turn_ms", INFINITY, 0, 60000), turn_ends = isinf(turn) ? turn : 0;
    double seconds = number("seconds", 0.5, 0, 3600), spent = 0; /* spent in ms */
    while (runs ? taken < runs : taken < most && (taken < least || spent < 1e3 * seconds)) {
        if (spent >= turn_ends) await_turn(), turn_ends = spent + turn;
        spent += (double)(samples[taken++] = timed()) / 1e6;
    }
    return taken;
}

static int64_t executed(const int ends[2]) { /* edgeconv/runtime/instructions.py in C */
    int64_t count;
    syscall(ASK_FOR_COUNT, (long)ends[1]);
    if (read(ends[0], &count, sizeof count) != sizeof count)
        fail(UNAVAILABLE, "EDGECONV_COUNTER is set, and nothing here counts instructions");
    return count;
}

static void put_instructions(void) {
    const char *asked = getenv("EDGECONV_COUNTER");
    int ends[2];
    if (!asked || !*asked || number("threads", 1, 1, 1024) > 1 || pipe2(ends, O_NONBLOCK)) return;
    int64_t start = executed(ends);
    invoke();
    int64_t done = executed(ends), asking = executed(ends) - done;
    put(", \"instructions\": %lld", (long long)(done - start - asking));
}

static void fill_at_random(void) { /* zero for indices and flags, all that is no pixel or float */
    srand48((long)number("seed", 0, 0, 0x1p53));
    for (size_t i = 0; i < inputs.count; i++) {
        int32_t element = inputs.element[i];
        bool pixels = element == BYTE || element == SIGNED_BYTE || element == SHORT;
        for (size_t j = 0; j < inputs.bytes[i]; j++)
            ((uint8_t *)inputs.data[i])[j] = pixels ? (uint8_t)(mrand48() >> 8) : 0;
        for (size_t j = 0; element == FLOAT32 && j < inputs.bytes[i] / sizeof(float); j++)
            ((float *)inputs.data[i])[j] = (float)(4 * drand48() - 2);
    }
}

static void pin(void) {
    cpu_set_t chosen = {0};
    for (const Field *field = fields; field < fields_end; field++) {
        if (strcmp(field->name, "cores")) continue;
        if (field->text || !(field->number >= 0 && field->number < CPU_SETSIZE))
            fail(USAGE, "the request's cores are no numbers of cores");
        CPU_SET((unsigned)field->number, &chosen);
    }
    if (CPU_COUNT(&chosen) && sched_setaffinity(0, sizeof chosen, &chosen))
        fail(USAGE, "the cores asked for cannot be had on this device");
}

static void time_file(double import_ms) {
    static int64_t samples[MOST_RUNS];
    bool steady;
    begin("timed");
    put(", \"engine\": \"litert\", \"import_ms\": %.4f", import_ms);
    put_moment("rss_engine_bytes", "VmRSS:", "before");
    int64_t start = now_ns();
    load_model(false);
    put(", \"load_ms\": %.4f", (double)(now_ns() - start) / 1e6);
    fill_at_random();
    long long first = timed();
    long warm = warm_up(&steady), taken = sample(samples);
    put_moment("rss_peak_bytes", "VmHWM:", "after");
    put_instructions();
    put(", \"timing\": {\"first_ns\": %lld, \"warmup_runs\": %ld, \"samples_ns\": [", first, warm);
    for (long i = 0; i < taken; i++) put("%s%lld", i ? ", " : "", (long long)samples[i]);
    put("], \"steady\": %s}", steady ? "true" : "false");
    end();
}

static double typical(int64_t *took, int runs) { /* mean of the middle half */
    int64_t sum = 0, cut = runs / 4;
    qsort(took, (size_t)runs, sizeof *took, ascending);
    for (int64_t run = cut; run < runs - cut; run++) sum += took[run];
    return (double)sum / (double)(runs - 2 * cut);
}

static void profile_file(void) { /* edgeconv/runtime/profile_litert.py in C */
    static Event events[MOST_EVENTS];
    static char *kinds[MOST_EVENTS];
    int runs = (int)number("runs", 50, 1, MOST_PROFILED_RUNS), count = 0, told;
    int64_t *us = calloc((size_t)MOST_EVENTS * (size_t)runs, sizeof *us); /* pages come when used */
    void *profiler = NULL;
    if (!us) fail(UNAVAILABLE, "no memory for the times of %d runs", runs);
    load_model(true);
    fill_at_random();
    CALL("CompiledModelGetProfiler", (void *, void **), compiled, &profiler);
    if (!profiler) fail(UNAVAILABLE, "this LiteRT gives no profiler; 2.3 does");
    for (int run = 0; run < UNPROFILED_RUNS; run++) invoke();
    for (int run = 0, found = 0, same = true; run < runs; run++, found = 0) {
        CALL("StartProfiler", (void *), profiler);
        invoke();
        CALL("StopProfiler", (void *), profiler);
        CALL("GetNumProfilerEvents", (void *, int *), profiler, &told);
        if (told < 0 || told > MOST_EVENTS) fail(REFUSED, "%s: %d events in a run", model, told);
        CALL("GetProfilerEvents", (void *, int, Event *), profiler, told, events);
        for (const Event *event = events; event < events + told; event++) {
            if (event->type != OPERATOR && event->type != DELEGATED_OPERATOR) continue;
            if (!run) kinds[found] = strdup(event->kind);
            same = same && kinds[found] && !strcmp(kinds[found], event->kind);
            us[(long)found++ * runs + run] = (int64_t)event->elapsed_us;
        }
        CALL("ResetProfiler", (void *), profiler);
        if (!found || !same || (run && found != count))
            fail(REFUSED, "%s: LiteRT tells of other operators in every run, or of none", model);
        count = found;
    }
    begin("profiled");
    put(", \"engine\": \"litert\", \"operators\": [");
    for (int i = 0; i < count; i++) {
        double ms = typical(us + (long)i * runs, runs) / 1e3;
        put("%s{\"name\": \"\", \"ms\": %.6f", i ? "}, " : "", ms);
        put_text(", \"kind\": ", kinds[i]);
    }
    put("}]");
    end();
}

static void run_file(void) { /* a record is every tensor's bytes, nothing between them */
    const char *from = wanted("inputs"), *to = wanted("outputs");
    long long count = (long long)number("count", -1, 0, 1e9), bytes = 0;
    struct stat held;
    bool whole = true;
    load_model(false);
    for (size_t i = 0; i < inputs.count; i++) bytes += count * (long long)inputs.bytes[i];
    FILE *in = fopen(from, "rb"), *out;
    if (!in || fstat(fileno(in), &held)) fail(USAGE, "%s cannot be read", from);
    if (held.st_size != bytes)
        fail(USAGE, "%s is not of the %lld bytes that %lld records take", from, bytes, count);
    if (!(out = fopen(to, "wb"))) fail(UNAVAILABLE, "%s: %s", to, strerror(errno));
    for (long long record = 0; record < count && whole; record++) {
        for (size_t i = 0; i < inputs.count; i++)
            whole = whole && fread(inputs.data[i], inputs.bytes[i], 1, in) == 1;
        invoke();
        for (size_t i = 0; i < outputs.count; i++)
            whole = whole && fwrite(outputs.data[i], outputs.bytes[i], 1, out) == 1;
    }
    if (!whole || fclose(out)) fail(UNAVAILABLE, "%s: %s", to, strerror(errno));
    begin("ran");
    put(", \"count\": %lld", count);
    end();
}

static void *heed_the_host(void *nothing) { /* each line is a turn; the end is the end of all */
    for (char byte; read(0, &byte, 1) > 0;)
        if (byte == '\n') sem_post(&turns);
    _exit(3);
}

int main(int count, char **arguments) {
    pthread_t watch;
    setvbuf(stdin, NULL, _IONBF, 0);
    answers = fdopen(dup(1), "w"); /* whatever else is printed goes to standard error */
    if (!answers || dup2(2, 1) < 0 || sem_init(&turns, 0, 0)) return 1;
    setvbuf(answers, NULL, _IOFBF, MOST_LINE); /* a begun answer waits in it for its end */
    if (count != 3) fail(USAGE, "usage: runner LIBRARY VERSION");
    read_request();
    const char *type = wanted("type");
    bool times = !strcmp(type, "time"), runs = !strcmp(type, "run");
    bool profiles = !strcmp(type, "profile");
    if (!times && !runs && !profiles && strcmp(type, "facts")) NO_REQUEST();
    if (pthread_create(&watch, NULL, heed_the_host, NULL)) return 1;
    begin("facts");
    put(", \"versions\": {\"glibc\": \"%s\"", gnu_get_libc_version());
    put_text(", \"ai-edge-litert\": ", arguments[2]);
    put("}");
    end();
    if (!times && !runs && !profiles) _exit(0);
    pin();
    int64_t start = now_ns();
    library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) fail(UNAVAILABLE, "LiteRT cannot be loaded: %s", dlerror());
    if (times) time_file((double)(now_ns() - start) / 1e6);
    if (runs) run_file();
    if (profiles) profile_file();
    _exit(0); /* taking the engine apart would only take time */
}
