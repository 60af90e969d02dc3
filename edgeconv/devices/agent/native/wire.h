/* What the native agent and the host say to each other: lines of JSON, bounded in every respect. */
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROTOCOL = 1, MOST_LINE = 65536, MOST_FIELDS = 128 };
enum { USAGE = 2, UNAVAILABLE = 3, REFUSED = 4 };

static FILE *answers;
#define put(...) fprintf(answers, __VA_ARGS__)

static void begin(const char *type) {
    put("{\"edgeconv_agent\": %d, \"type\": \"%s\"", PROTOCOL, type);
}

static void end(void) { put("}\n"); fflush(answers); }

static void put_text(const char *before, const char *text) {
    put("%s\"", before);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c >= 0x20 && *c < 0x7f && *c != '"' && *c != '\\') put("%c", *c);
        else put("\\u%04x", *c < 0x80 ? *c : 0xfffd);
    put("\"");
}

/* Says what is wrong, as the exception of edgeconv/errors.py that has this exit code, and ends. */
__attribute__((format(printf, 2, 3), noreturn)) static void fail(int code, const char *form, ...) {
    static const char *const errors[] = {
        [USAGE] = "UsageError", [UNAVAILABLE] = "UnavailableError", [REFUSED] = "ArtifactRefused"};
    char message[1024];
    va_list arguments;
    va_start(arguments, form);
    vsnprintf(message, sizeof message, form, arguments);
    put("\n"); /* what is unfinished so far is no message to the host */
    begin("error");
    put_text(", \"error\": ", errors[code]);
    put_text(", \"message\": ", message);
    end();
    _exit(code);
}

typedef struct {
    const char *name, *text; /* no text: a number */
    double number;
} Field;

static Field fields[MOST_FIELDS], *fields_end = fields;
#define NO_REQUEST() fail(USAGE, "the agent takes a line of JSON: facts, time, run or profile")

/* Notes all texts and numbers in a line of JSON, each under the name that comes before it. Nesting
   is not looked at: a name means the same wherever it stands, and a list repeats its own. */
static void read_fields(char *at) {
    for (const char *name = ""; *(at += strspn(at, " \n{}[],:"));) {
        if (fields_end == fields + MOST_FIELDS) NO_REQUEST();
        char *start = at;
        if (*at == '"') {
            at += 1 + strcspn(at + 1, "\"\\\n"); /* what edgeconv names needs no escapes */
            if (*at != '"') NO_REQUEST();
            *at++ = 0;
            if (*at == ':') name = start + 1;
            else *fields_end++ = (Field){name, start + 1, 0};
        } else if (!strncmp(at, "null", 4)) {
            at += 4;
        } else {
            double value = strtod(at, &at);
            if (at == start) NO_REQUEST();
            *fields_end++ = (Field){name, NULL, value};
        }
    }
}

/* NULL where the request does not hold it, or holds null. */
static const Field *find(const char *name, bool is_text) {
    for (const Field *field = fields; field < fields_end; field++) {
        if (strcmp(field->name, name)) continue;
        if (!field->text == is_text) fail(USAGE, "the request's %s is of another type", name);
        return field;
    }
    return NULL;
}

static const char *wanted(const char *name) {
    const Field *field = find(name, true);
    if (!field) fail(USAGE, "the request is not complete: it has no %s", name);
    return field->text;
}

static double number(const char *name, double missing, double least, double most) {
    const Field *field = find(name, false);
    double found = field ? field->number : missing;
    if (field && !(found >= least && found <= most))
        fail(USAGE, "the request's %s must be %g to %g, not %g", name, least, most, found);
    return found;
}

static void read_request(void) {
    static char line[MOST_LINE];
    if (!fgets(line, sizeof line, stdin) || !strchr(line, '\n')) NO_REQUEST();
    read_fields(line);
    if (number("edgeconv_agent", 0, 0, INFINITY) != PROTOCOL)
        fail(USAGE, "the other side does not speak version %d of the agent's protocol; install the "
                    "same edgeconv on both", PROTOCOL);
}
