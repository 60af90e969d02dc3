/* What the native agent and the host say to each other: lines of JSON, bounded in every respect. */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROTOCOL = 1, MOST_LINE = 65536, MOST_FIELDS = 128, MOST_NAME = 48, MOST_DEPTH = 4 };
enum { USAGE = 2, UNAVAILABLE = 3, REFUSED = 4 };

/* ---- answers: a line is collected in memory, and goes out whole or not at all ---- */

static FILE *answer, *answers;
static char *collected;
static size_t collected_bytes;

static void begin(const char *type) {
    if (answer) fclose(answer); /* what an error left unfinished */
    answer = open_memstream(&collected, &collected_bytes);
    fprintf(answer, "{\"edgeconv_agent\": %d, \"type\": \"%s\"", PROTOCOL, type);
}

static void end(void) {
    fputs("}\n", answer);
    fclose(answer);
    fwrite(collected, 1, collected_bytes, answers);
    fflush(answers);
    answer = NULL;
}

static void put_text(const char *before, const char *text) {
    fprintf(answer, "%s\"", before);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c >= 0x20 && *c < 0x7f && *c != '"' && *c != '\\') fputc(*c, answer);
        else fprintf(answer, "\\u%04x", *c < 0x80 ? *c : 0xfffd);
    fputc('"', answer);
}

/* Says what is wrong, as the exception of edgeconv/errors.py that has this exit code, and ends. */
__attribute__((format(printf, 2, 3), noreturn)) static void fail(int code, const char *form, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, form);
    vsnprintf(message, sizeof message, form, arguments);
    begin("error");
    put_text(", \"error\": ", code == USAGE ? "UsageError" :
                                code == REFUSED ? "ArtifactRefused" : "UnavailableError");
    put_text(", \"message\": ", message);
    end();
    _exit(code);
}

/* ---- the request: JSON, flattened to names as "timing.runs", and "cores" for each item ---- */

typedef struct {
    enum { NONE, NUMBER, TEXT } kind;
    char name[MOST_NAME];
    double number;
    const char *text;
} Field;

static Field fields[MOST_FIELDS], *fields_end = fields;
static char *at; /* where the line is read; it ends with a zero */
#define NO_REQUEST() fail(USAGE, "the agent takes a line of JSON: a request of facts, time or run")

static bool accept(char wanted) {
    at += strspn(at, " \t\r\n");
    return *at == wanted && at++;
}

/* A string, in place. Names and paths that edgeconv makes need no escapes but these. */
static const char *string(void) {
    char *start = at, *to = at;
    for (; *at != '"'; *to++ = *at++) {
        if (*at == '\\' && !memchr("\"\\/", *++at, 3)) NO_REQUEST();
        if ((unsigned char)*at < 0x20) NO_REQUEST(); /* the line's end, too */
    }
    at++;
    *to = 0;
    return start;
}

static void parse(const char *name, int depth) {
    char inner[MOST_NAME];
    bool object = accept('{'), array = !object && accept('['), first = true;
    if (depth > MOST_DEPTH || fields_end == fields + MOST_FIELDS) NO_REQUEST();
    for (; (object || array) && !accept(object ? '}' : ']'); first = false) {
        if ((!first && !accept(',')) || (object && !accept('"'))) NO_REQUEST();
        const char *key = object ? string() : "", *dot = *name && object ? "." : "";
        if (snprintf(inner, sizeof inner, "%s%s%s", name, dot, key) >= MOST_NAME) NO_REQUEST();
        if (object && !accept(':')) NO_REQUEST();
        parse(inner, depth + 1);
    }
    if (object || array) return;
    Field *field = fields_end++;
    snprintf(field->name, sizeof field->name, "%s", name);
    if (accept('"')) {
        field->kind = TEXT;
        field->text = string();
    } else if (!strncmp(at, "null", 4)) {
        at += 4;
    } else if (*at == '-' || isdigit((unsigned char)*at)) {
        field->kind = NUMBER;
        field->number = strtod(at, &at);
    } else NO_REQUEST();
}

/* NULL where the request does not hold it, or holds null. */
static const Field *find(const char *name, int kind) {
    for (const Field *field = fields; field < fields_end; field++)
        if (!strcmp(field->name, name) && field->kind != NONE) {
            if ((int)field->kind != kind) fail(USAGE, "the request's %s is of another type", name);
            return field;
        }
    return NULL;
}

static const char *wanted(const char *name) {
    const Field *field = find(name, TEXT);
    if (!field) fail(USAGE, "the request is not complete: it has no %s", name);
    return field->text;
}

static double number(const char *name, double missing, double least, double most) {
    const Field *field = find(name, NUMBER);
    double found = field ? field->number : missing;
    if (!(found >= least && found <= most))
        fail(USAGE, "the request's %s must be %g to %g, not %g", name, least, most, found);
    return found;
}

static void read_request(void) {
    static char line[MOST_LINE];
    if (!fgets(at = line, sizeof line, stdin) || !strchr(line, '\n')) NO_REQUEST();
    parse("", 0);
    if (!accept(0)) NO_REQUEST();
    if (number("edgeconv_agent", 0, 0, INFINITY) != PROTOCOL)
        fail(USAGE, "the other side does not speak version %d of the agent's protocol; install the "
                    "same edgeconv on both", PROTOCOL);
}
