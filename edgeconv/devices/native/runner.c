/* The agent for devices without Python: runner LIBRARY VERSION

   Reads one request, a line of JSON, on standard input, and answers with lines of JSON on standard
   output as edgeconv/runtime/messages.py says: "facts", then "timed", "ran" or "error". It runs
   .tflite files on LiteRT's C interface (version 2.3), found in LIBRARY; the few declarations it
   needs of it are below. VERSION is ai-edge-litert's, told on among the facts. The program ends as
   soon as its standard input does, so that nothing is left running when the host goes. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

enum { MOST_TENSORS = 4096, MOST_RANK = 8, MOST_WINDOW = 4096, MOST_RUNS = 1000000 };
enum { MOST_ZONES = 64, ASK_FOR_COUNT = 7777, COUNTED_RUNS = 3 };
#define MOST_BYTES ((size_t)1 << 30)
#define POLICY "/sys/devices/system/cpu/cpufreq/policy%d/"
#define ZONE "/sys/class/thermal/thermal_zone%d/"

/* ---- facts ---- */

/* The first line of a small file that begins with `key`, from behind its colon if there is a key;
   an empty one where there is none. `path` may hold a %d for `number`. */
static const char *read_line(const char *path, int number, const char *key) {
    static char line[160];
    bool found = false;
    snprintf(line, sizeof line, path, number);
    FILE *file = fopen(line, "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = !strncmp(line, key, strlen(key));
    if (file) fclose(file);
    line[found ? strcspn(line, "\r\n") : 0] = 0;
    const char *colon = *key ? strchr(line, ':') : NULL, *start = colon ? colon + 1 : line;
    return start + strspn(start, " \t");
}

static void put_conditions(void) {
    char name[200], millidegrees[160];
    const char *comma = "";
    fputs("\"temperatures_c\": {", answer);
    for (int zone = 0; zone < MOST_ZONES; zone++) {
        strcpy(millidegrees, read_line(ZONE "temp", zone, ""));
        if (!isdigit((unsigned char)millidegrees[*millidegrees == '-'])) continue;
        const char *type = read_line(ZONE "type", zone, "");
        snprintf(name, sizeof name, "thermal_zone%d%s%s", zone, *type ? " " : "", type);
        put_text(comma, name);
        fprintf(answer, ": %.3f", strtod(millidegrees, NULL) / 1000);
        comma = ", ";
    }
    fputs("}, \"frequencies_mhz\": [", answer);
    comma = "";
    for (int policy = 0; policy < MOST_ZONES; policy++) {
        long khz = strtol(read_line(POLICY "scaling_cur_freq", policy, ""), NULL, 10);
        if (khz > 0) fprintf(answer, "%s%ld", comma, khz / 1000);
        if (khz > 0) comma = ", ";
    }
    fputs("]", answer);
}

static void put_facts(const char *version) {
    char name[400], governor[160] = "";
    struct utsname system;
    struct sysinfo memory;
    cpu_set_t usable;
    if (uname(&system) || sysinfo(&memory) || sched_getaffinity(0, sizeof usable, &usable))
        fail(UNAVAILABLE, "the system tells nothing of itself: %s", strerror(errno));
    begin("facts");
    strcpy(name, read_line("/sys/firmware/devicetree/base/model", 0, ""));
    const char *chip = read_line("/proc/cpuinfo", 0, "model name");
    if (!*chip) chip = read_line("/proc/cpuinfo", 0, "Hardware");
    if (*name && *chip) strcat(name, ", ");
    strcat(name, chip);
    put_text(", \"cpu\": ", *name ? name : "unknown");
    put_text(", \"architecture\": ", system.machine);
    snprintf(name, sizeof name, "%s %s", system.sysname, system.release);
    put_text(", \"system\": ", name);
    fputs(", \"governors\": [", answer);
    for (int policy = 0; policy < MOST_ZONES; policy++) {
        const char *found = read_line(POLICY "scaling_governor", policy, "");
        if (!*found || !strcmp(governor, found)) continue; /* told: clusters rarely differ */
        put_text(*governor ? ", " : "", found);
        strcpy(governor, found);
    }
    fprintf(answer, "], \"cores\": %ld, \"usable_cores\": %d, \"memory_mib\": %llu, "
                    "\"load_1min\": %.2f, \"versions\": {\"glibc\": \"%s\"",
            sysconf(_SC_NPROCESSORS_CONF), CPU_COUNT(&usable),
            (unsigned long long)memory.totalram * memory.mem_unit >> 20,
            (double)memory.loads[0] / (1 << SI_LOAD_SHIFT), gnu_get_libc_version());
    put_text(", \"ai-edge-litert\": ", version);
    fputs("}, ", answer);
    put_conditions();
    end();
}

/* ---- LiteRT ---- */

typedef struct { /* what LiteRtGetRankedTensorType fills */
    int32_t element;
    uint32_t rank : 7, has_strides : 1;
    int32_t shape[MOST_RANK];
    uint32_t strides[MOST_RANK];
} TensorType;

typedef struct {
    size_t count, bytes[MOST_TENSORS];
    int32_t element[MOST_TENSORS];
    void *buffer[MOST_TENSORS];
} Tensors;

enum { CPU_ONLY = 1, TO_READ = 0, TO_WRITE = 1, FLOAT32 = 1, BYTE = 3, SHORT = 7, SIGNED_BYTE = 9 };

typedef int Count(void *, size_t *), Get(void *, size_t, void **);
typedef int Needs(void *, size_t, size_t, void **);
#define LITERT(F)                                                                                  \
    F(CreateEnvironment, int, const void *, void **) F(CreateOptions, void **)                     \
    F(CreateModelFromFile, void *, const char *, void **) F(AddOpaqueOptions, void *, void *)      \
    F(CreateOpaqueOptions, const char *, void *, void (*)(void *), void **)                        \
    F(SetOptionsHardwareAccelerators, void *, int)                                                 \
    F(CreateCompiledModel, void *, void *, void *, void **)                                        \
    F(GetModelSubgraph, void *, size_t, void **) F(GetRankedTensorType, void *, TensorType *)      \
    F(GetNumSubgraphInputs, void *, size_t *) F(GetSubgraphInput, void *, size_t, void **)         \
    F(GetNumSubgraphOutputs, void *, size_t *) F(GetSubgraphOutput, void *, size_t, void **)       \
    F(GetCompiledModelInputBufferRequirements, void *, size_t, size_t, void **)                    \
    F(GetCompiledModelOutputBufferRequirements, void *, size_t, size_t, void **)                   \
    F(CreateManagedTensorBufferFromRequirements, void *, const TensorType *, void *, void **)      \
    F(GetTensorBufferPackedSize, void *, size_t *) F(UnlockTensorBuffer, void *)                   \
    F(LockTensorBuffer, void *, void **, int)                                                      \
    F(RunCompiledModel, void *, size_t, size_t, void **, size_t, void **)
#define POINTER(name, ...) static int (*name)(__VA_ARGS__);
LITERT(POINTER)

static void *environment, *compiled;
static Tensors inputs, outputs;
static const char *model;

static void load_engine(const char *library) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) fail(UNAVAILABLE, "LiteRT cannot be loaded: %s", dlerror());
#define FIND(name, ...)                                                                            \
    if (!(*(void **)&name = dlsym(handle, "LiteRt" #name)))                                        \
        fail(UNAVAILABLE, "%s has no LiteRt%s; LiteRT 2.3 is needed", library, #name);
    LITERT(FIND)
}

static void must(int status, const char *what) {
    if (status) fail(REFUSED, "%s: LiteRT cannot %s (status %d)", model, what, status);
}

static void check_file(void) {
    char head[8];
    struct stat held;
    FILE *file = fopen(model, "rb");
    if (!file || fstat(fileno(file), &held) || !S_ISREG(held.st_mode))
        fail(USAGE, "%s: no such file", model);
    if (held.st_size > INT32_MAX || fread(head, 1, 8, file) != 8 || memcmp(head + 4, "TFL3", 4))
        fail(REFUSED, "%s is no TFLite file: too large, or bytes 4 to 8 are not TFL3", model);
    fclose(file);
}

/* Buffers for all inputs or outputs; each is judged by what it claims before it is allocated. */
static void make_tensors(Tensors *made, void *graph, Count *count, Get *get, Needs *needs) {
    must(count(graph, &made->count), "count its tensors");
    if (made->count > MOST_TENSORS) fail(REFUSED, "%s: over %d tensors", model, MOST_TENSORS);
    for (size_t i = 0; i < made->count; i++) {
        size_t room = MOST_BYTES / 8; /* elements of at most eight bytes */
        TensorType type = {0};
        void *tensor, *wishes;
        must(get(graph, i, &tensor), "show a tensor");
        must(GetRankedTensorType(tensor, &type), "tell a tensor's shape");
        if (type.rank > MOST_RANK) fail(REFUSED, "%s: a tensor of rank %u", model, type.rank);
        for (unsigned axis = 0; axis < type.rank; room /= (size_t)type.shape[axis++])
            if (type.shape[axis] < 1 || (size_t)type.shape[axis] > room)
                fail(REFUSED, "%s: a tensor has no fixed shape, or over 1 GiB", model);
        must(needs(compiled, 0, i, &wishes), "tell what a tensor needs");
        must(CreateManagedTensorBufferFromRequirements(environment, &type, wishes,
                                                       &made->buffer[i]), "make a tensor");
        must(GetTensorBufferPackedSize(made->buffer[i], &made->bytes[i]), "tell a tensor's size");
        made->element[i] = type.element;
    }
}

static void load_model(void) {
    int threads = (int)number("threads", 1, 1, 1024);
    void *file, *graph, *options, *cpu;
    char *settings; /* TOML, LiteRT's to free */
    if (find("kernels", TEXT) && strcmp(wanted("kernels"), "default")) /* its "reference" is not */
        fail(UNAVAILABLE, "LiteRT's C library has default kernels, no %s ones", wanted("kernels"));
    if (asprintf(&settings, "num_threads = %d\n", threads) < 0) abort();
    check_file();
    must(CreateEnvironment(0, NULL, &environment), "start");
    must(CreateModelFromFile(environment, model, &file), "load it");
    must(CreateOptions(&options), "make options");
    must(SetOptionsHardwareAccelerators(options, CPU_ONLY), "choose the CPU");
    must(CreateOpaqueOptions("xnnpack", settings, free, &cpu), "make options of the CPU");
    must(AddOpaqueOptions(options, cpu), "take options of the CPU");
    must(CreateCompiledModel(environment, file, options, &compiled), "prepare it");
    must(GetModelSubgraph(file, 0, &graph), "show its graph");
    make_tensors(&inputs, graph, GetNumSubgraphInputs, GetSubgraphInput,
                 GetCompiledModelInputBufferRequirements);
    make_tensors(&outputs, graph, GetNumSubgraphOutputs, GetSubgraphOutput,
                 GetCompiledModelOutputBufferRequirements);
}

static void invoke(void) {
    must(RunCompiledModel(compiled, 0, inputs.count, inputs.buffer, outputs.count, outputs.buffer),
         "run it");
}

/* ---- timing: edgeconv/runtime/timing.py in C ---- */

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

/* Of sorted values, between the two nearest ones. */
static double percentile(const int64_t *sorted, int count, double share) {
    int low = (int)(share * (count - 1)), high = low + 1 < count ? low + 1 : low;
    return (double)sorted[low] + (share * (count - 1) - low) * (double)(sorted[high] - sorted[low]);
}

static bool is_steady(const int64_t *last, int window, double spread, double drift) {
    static int64_t before[MOST_WINDOW], now[MOST_WINDOW];
    size_t bytes = sizeof *last * (size_t)window;
    qsort(memcpy(before, last, bytes), (size_t)window, sizeof *last, ascending);
    qsort(memcpy(now, last + window, bytes), (size_t)window, sizeof *last, ascending);
    double middle = percentile(now, window, 0.5);
    double width = percentile(now, window, 0.9) - percentile(now, window, 0.1);
    double moved = fabs(middle - percentile(before, window, 0.5));
    return width <= spread * middle && moved <= drift * middle;
}

static long warm_up(bool *steady) {
    static int64_t last[2 * MOST_WINDOW];
    int window = (int)number("timing.window", 8, 2, MOST_WINDOW), both = 2 * window;
    double spread = number("timing.window_spread", 0.05, 0, INFINITY);
    double drift = number("timing.window_drift", 0.02, 0, INFINITY);
    int64_t deadline = now_ns() + (int64_t)(number("timing.warmup_seconds", 2, 0, 3600) * 1e9);
    long runs = 0;
    for (*steady = false; now_ns() < deadline && !*steady; runs++) {
        memmove(last, last + 1, sizeof *last * (size_t)(both - 1));
        last[both - 1] = timed();
        *steady = runs + 1 >= both && is_steady(last, window, spread, drift);
    }
    return runs;
}

static long sample(int64_t *samples) {
    long runs = find("timing.runs", NUMBER) ? (long)number("timing.runs", 0, 1, MOST_RUNS) : 0;
    long least = (long)number("timing.least_runs", 10, 1, MOST_RUNS), taken = 0;
    long most = (long)number("timing.most_runs", 10000, (double)least, MOST_RUNS);
    int64_t deadline = now_ns() + (int64_t)(number("timing.seconds", 0.5, 0, 3600) * 1e9);
    while (runs ? taken < runs : taken < most && (taken < least || now_ns() < deadline))
        samples[taken++] = timed();
    return taken;
}

/* Instructions so far: edgeconv/runtime/instructions.py in C. */
static int64_t executed(const int ends[2]) {
    int64_t count;
    syscall(ASK_FOR_COUNT, (long)ends[1]);
    if (read(ends[0], &count, sizeof count) != sizeof count)
        fail(UNAVAILABLE, "EDGECONV_COUNTER is set, and nothing here counts instructions");
    return count;
}

static void put_instructions(void) {
    const char *asked = getenv("EDGECONV_COUNTER");
    int64_t counts[COUNTED_RUNS];
    int ends[2];
    fputs(", \"instructions\": ", answer);
    if (!asked || !*asked || number("threads", 1, 1, 1024) > 1 || pipe2(ends, O_NONBLOCK)) {
        fputs("null", answer);
        return;
    }
    for (int i = 0; i < COUNTED_RUNS; i++) {
        counts[i] = -executed(ends);
        invoke();
        counts[i] += executed(ends);
    }
    qsort(counts, COUNTED_RUNS, sizeof *counts, ascending);
    int64_t before = executed(ends), asking = executed(ends) - before;
    fprintf(answer, "%lld", (long long)(counts[COUNTED_RUNS / 2] - asking));
}

/* ---- requests ---- */

static double random_even(uint64_t *state) { /* xorshift64* */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)(*state * 0x2545f4914f6cdd1du >> 11) * 0x1p-53;
}

static void fill_at_random(const Tensors *tensors) {
    uint64_t state = (uint64_t)number("seed", 0, 0, 0x1p53) + 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < tensors->count; i++) {
        void *data;
        int32_t element = tensors->element[i];
        must(LockTensorBuffer(tensors->buffer[i], &data, TO_WRITE), "lend an input");
        memset(data, 0, tensors->bytes[i]); /* for indices and flags zero is always allowed */
        for (size_t j = 0; element == FLOAT32 && j < tensors->bytes[i] / sizeof(float); j++) {
            double normal = -6; /* nearly: the sum of twelve even ones */
            for (int k = 0; k < 12; k++) normal += random_even(&state);
            ((float *)data)[j] = (float)normal;
        }
        if (element == BYTE || element == SIGNED_BYTE || element == SHORT)
            for (size_t j = 0; j < tensors->bytes[i]; j++)
                ((uint8_t *)data)[j] = (uint8_t)(random_even(&state) * 256);
        must(UnlockTensorBuffer(tensors->buffer[i]), "take an input");
    }
}

static void pin(void) {
    cpu_set_t chosen;
    CPU_ZERO(&chosen);
    for (const Field *field = fields; field < fields_end; field++) {
        if (strcmp(field->name, "cores")) continue;
        if (field->kind != NUMBER || !(field->number >= 0 && field->number < CPU_SETSIZE))
            fail(USAGE, "the request's cores are no numbers of cores");
        CPU_SET((unsigned)field->number, &chosen);
    }
    if (CPU_COUNT(&chosen) && sched_setaffinity(0, sizeof chosen, &chosen))
        fail(USAGE, "the cores asked for cannot be had on this device");
}

static void put_moment(const char *bytes, const char *key, const char *moment) {
    long long kilobytes = strtoll(read_line("/proc/self/status", 0, key), NULL, 10);
    if (kilobytes > 0) fprintf(answer, ", \"%s\": %lld", bytes, kilobytes * 1024);
    else fprintf(answer, ", \"%s\": null", bytes);
    fprintf(answer, ", \"%s\": {", moment);
    put_conditions();
    fputs("}", answer);
}

static void time_file(const char *library) {
    static int64_t samples[MOST_RUNS];
    bool steady;
    pin();
    begin("timed");
    int64_t start = now_ns();
    load_engine(library);
    double import_ms = (double)(now_ns() - start) / 1e6;
    fprintf(answer, ", \"engine\": \"litert\", \"import_ms\": %.4f", import_ms);
    put_moment("rss_engine_bytes", "VmRSS", "before");
    start = now_ns();
    load_model();
    fprintf(answer, ", \"load_ms\": %.4f", (double)(now_ns() - start) / 1e6);
    fill_at_random(&inputs);
    long long first = timed();
    long warmup = warm_up(&steady), taken = sample(samples);
    fprintf(answer, ", \"timing\": {\"first_ns\": %lld, \"warmup_runs\": %ld, \"steady\": %s, "
                    "\"samples_ns\": [", first, warmup, steady ? "true" : "false");
    for (long i = 0; i < taken; i++)
        fprintf(answer, "%s%lld", i ? ", " : "", (long long)samples[i]);
    fputs("]}", answer);
    put_moment("rss_peak_bytes", "VmHWM", "after");
    put_instructions();
    end();
}

/* Reads or writes one record: every tensor's bytes, nothing between them. */
static void transfer(FILE *file, const Tensors *tensors, bool reading) {
    for (size_t i = 0, done; i < tensors->count; i++) {
        void *data;
        must(LockTensorBuffer(tensors->buffer[i], &data, reading ? TO_WRITE : TO_READ), "lend it");
        if (reading) done = fread(data, 1, tensors->bytes[i], file);
        else done = fwrite(data, 1, tensors->bytes[i], file);
        must(UnlockTensorBuffer(tensors->buffer[i]), "take it back");
        if (done != tensors->bytes[i])
            fail(UNAVAILABLE, "a record cannot be transferred: %s", strerror(errno));
    }
}

static void run_file(const char *library) {
    const char *from = wanted("inputs"), *to = wanted("outputs");
    long long count = (long long)number("count", -1, 0, 1e9), bytes = 0;
    struct stat held;
    load_engine(library);
    load_model();
    for (size_t i = 0; i < inputs.count; i++) bytes += count * (long long)inputs.bytes[i];
    FILE *in = fopen(from, "rb"), *out;
    if (!in || fstat(fileno(in), &held)) fail(USAGE, "%s cannot be read", from);
    if (held.st_size != bytes)
        fail(USAGE, "%s is not of the %lld bytes that %lld records take", from, bytes, count);
    if (!(out = fopen(to, "wb"))) fail(UNAVAILABLE, "%s: %s", to, strerror(errno));
    for (long long i = 0; i < count; i++) {
        transfer(in, &inputs, true);
        invoke();
        transfer(out, &outputs, false);
    }
    if (fclose(out)) fail(UNAVAILABLE, "%s: %s", to, strerror(errno));
    begin("ran");
    fprintf(answer, ", \"count\": %lld", count);
    end();
}

static void *end_with_the_host(void *nothing) {
    char dropped[256];
    while (read(0, dropped, sizeof dropped) > 0) continue;
    _exit(3);
    return nothing;
}

int main(int count, char **arguments) {
    pthread_t watch;
    setvbuf(stdin, NULL, _IONBF, 0);
    answers = fdopen(dup(1), "w"); /* whatever else is printed goes to standard error */
    if (!answers || dup2(2, 1) < 0) return 1;
    if (count != 3) fail(USAGE, "usage: runner LIBRARY VERSION");
    read_request();
    const char *type = wanted("type");
    bool times = !strcmp(type, "time"), runs = !strcmp(type, "run");
    if (!times && !runs && strcmp(type, "facts")) NO_REQUEST();
    if (pthread_create(&watch, NULL, end_with_the_host, NULL)) return 1;
    put_facts(arguments[2]);
    if (times || runs) model = wanted("path");
    if (times) time_file(arguments[1]);
    if (runs) run_file(arguments[1]);
    _exit(0); /* taking the engine apart would only take time */
}
