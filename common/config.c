// SPDX-License-Identifier: Apache-2.0
// Configuration: see config.h. Defaults first, then the file line by line, then the secrets, then
// what must be there.
#define _DEFAULT_SOURCE // explicit_bzero, strnlen
#include "common/config.h"

#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 8192
#define NAME_BYTES_MAX 64

static const char *keep(struct config *config, const char *text)
{
    config->memory = mem_realloc(config->memory, (config->n_memory + 1) * sizeof(char *));
    char *copy = mem_strdup(text);
    config->memory[config->n_memory++] = copy;
    return copy;
}

static void *field_of(struct config *config, const struct option_entry *option)
{
    return (char *)config + option->offset;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0}};
static const struct unit duration_units[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit number_units[] = {{"", 1}, {NULL, 0}};

static bool parse_number(const struct option_entry *option, const char *text,
                         const struct unit *units, uint64_t *out, struct err *err)
{
    char *rest;
    errno = 0;
    unsigned long long n = strtoull(text, &rest, 10);
    while (units->name && strcmp(units->name, rest) != 0)
        units++;
    if (rest == text || *text == '-' || errno || !units->name || n > UINT64_MAX / units->factor)
        return err_set(err, ERR_CONFIG, "%s = %s: a number is needed, such as %s", option->key,
                       text, option->fallback);
    n *= units->factor;
    if (n < option->least || n > option->most)
        return err_set(err, ERR_CONFIG, "%s = %s: must be from %llu to %llu", option->key, text,
                       (unsigned long long)option->least, (unsigned long long)option->most);
    *out = n;
    return true;
}

static bool is_choice(const char *words, const char *text)
{
    size_t n = strlen(text);
    for (const char *word = words; n && word; word = strchr(word, ' ')) {
        word += *word == ' ';
        if (strncmp(word, text, n) == 0 && (word[n] == ' ' || word[n] == '\0'))
            return true;
    }
    return false;
}

static bool parse_bool(const struct option_entry *option, const char *text, bool *out,
                       struct err *err)
{
    *out = strcmp(text, "true") == 0;
    if (*out || strcmp(text, "false") == 0)
        return true;
    return err_set(err, ERR_CONFIG, "%s = %s: true or false is needed", option->key, text);
}

static bool set_option(struct config *config, const struct option_entry *option, const char *text,
                       struct err *err)
{
    void *field = field_of(config, option);
    switch (option->type) {
    case OPTION_CHOICE:
        if (!is_choice(option->choices, text))
            return err_set(err, ERR_CONFIG, "%s = %s: one of these is needed: %s", option->key,
                           text, option->choices);
        *(const char **)field = keep(config, text);
        return true;
    case OPTION_TEXT:
        *(const char **)field = keep(config, text);
        return true;
    case OPTION_SECRET:
        return err_set(err, ERR_CONFIG, "%s does not belong in this file: use password_file or %s",
                       option->key, option->help);
    case OPTION_BOOL:
        return parse_bool(option, text, field, err);
    case OPTION_NUMBER:
        return parse_number(option, text, number_units, field, err);
    case OPTION_SIZE:
        return parse_number(option, text, size_units, field, err);
    case OPTION_DURATION:
        return parse_number(option, text, duration_units, field, err);
    }
    return err_set(err, ERR_INTERNAL, "option %s has no type", option->key);
}

static bool set_fallbacks(struct config *config, struct err *err)
{
    for (const struct option_entry *option = config_options; option->section; option++) {
        if (option->type == OPTION_SECRET)
            *(const char **)field_of(config, option) = keep(config, "");
        else if (!set_option(config, option, option->fallback, err))
            return false;
    }
    return true;
}

// Least number of single-character edits from a to b (Levenshtein); texts are cut at
// NAME_BYTES_MAX.
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES_MAX + 1];
    size_t n = strnlen(b, NAME_BYTES_MAX);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; *a; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (*a != b[j - 1]);
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < least ? change : least;
        }
    }
    return row[n];
}

static const struct option_entry *find_option(const char *section, const char *key)
{
    for (const struct option_entry *option = config_options; option->section; option++)
        if (strcmp(option->section, section) == 0 && strcmp(option->key, key) == 0)
            return option;
    return NULL;
}

static bool unknown_key(const char *section, const char *key, struct err *err)
{
    const struct option_entry *best = config_options;
    size_t least = SIZE_MAX;
    for (const struct option_entry *option = config_options; option->section; option++) {
        size_t far = edit_distance(key, option->key) + (strcmp(section, option->section) != 0);
        if (option->type != OPTION_SECRET && far < least) {
            least = far;
            best = option;
        }
    }
    return err_set(err, ERR_CONFIG, "[%s] %s is not known; the nearest is [%s] %s", section, key,
                   best->section, best->key);
}

static bool unknown_section(const char *section, struct err *err)
{
    const char *best = "";
    size_t least = SIZE_MAX;
    for (const struct option_entry *option = config_options; option->section; option++) {
        size_t far = edit_distance(section, option->section);
        if (far < least) {
            least = far;
            best = option->section;
        }
    }
    return err_set(err, ERR_CONFIG, "section [%s] is not known; the nearest is [%s]", section,
                   best);
}

static bool is_section(const char *section)
{
    for (const struct option_entry *option = config_options; option->section; option++)
        if (strcmp(option->section, section) == 0)
            return true;
    return false;
}

// librdkafka's property names have dots, but for these two (and some that are not the user's to
// set); ours have none, but for bootstrap.servers.
static bool is_property(const char *key)
{
    return strchr(key, '.') || strcmp(key, "debug") == 0 || strcmp(key, "retries") == 0;
}

static bool add_property(struct config *config, const char *key, const char *value, struct err *err)
{
    struct config_kafka *kafka = &config->kafka;
    if (kafka->n_properties == CONFIG_PROPERTIES_MAX)
        return err_set(err, ERR_CONFIG, "[kafka] has more than %d properties of librdkafka",
                       CONFIG_PROPERTIES_MAX);
    kafka->properties[kafka->n_properties++] =
        (struct config_property){keep(config, key), keep(config, value)};
    return true;
}

static char *trim(char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]))
        text[--n] = '\0';
    return text;
}

static void cut_comment(char *line)
{
    for (char *c = line; *c; c++)
        if ((*c == '#' || *c == ';') && (c == line || c[-1] == ' ' || c[-1] == '\t')) {
            *c = '\0';
            return;
        }
}

static bool read_section(char *line, char section[NAME_BYTES_MAX], struct err *err)
{
    size_t n = strlen(line);
    if (line[n - 1] != ']' || n - 2 >= NAME_BYTES_MAX)
        return err_set(err, ERR_CONFIG, "a section is written [name]");
    memcpy(section, line + 1, n - 2);
    section[n - 2] = '\0';
    return is_section(section) || unknown_section(section, err);
}

static bool read_key(struct config *config, const char *section, char *line, struct err *err)
{
    char *equals = strchr(line, '=');
    if (!equals || !*section)
        return err_set(err, ERR_CONFIG, "a line is \"[section]\" or, in one, \"key = value\"");
    *equals = '\0';
    const char *key = trim(line);
    const char *value = trim(equals + 1);
    const struct option_entry *option = find_option(section, key);
    if (option)
        return set_option(config, option, value, err);
    if (strcmp(section, "kafka") == 0 && is_property(key))
        return add_property(config, key, value, err);
    return unknown_key(section, key, err);
}

static bool read_lines(struct config *config, FILE *file, struct err *err)
{
    char text[LINE_BYTES_MAX];
    char section[NAME_BYTES_MAX] = "";
    for (unsigned n = 1; fgets(text, sizeof text, file); n++) {
        cut_comment(text);
        char *line = trim(text);
        bool ok = !*line || (*line == '[' ? read_section(line, section, err)
                                          : read_key(config, section, line, err));
        if (!ok)
            return err_wrap(err, "%s:%u", config->path, n);
    }
    return true;
}

static bool read_secret(struct config *config, const char *path, const char **secret,
                        struct err *err)
{
    char line[LINE_BYTES_MAX];
    FILE *file = fopen(path, "re");
    if (!file)
        return err_set(err, ERR_CONFIG, "%s: password_file %s: %s", config->path, path,
                       strerror(errno));
    bool ok = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    if (!ok)
        return err_set(err, ERR_CONFIG, "%s: password_file %s is empty", config->path, path);
    line[strcspn(line, "\r\n")] = '\0';
    *secret = keep(config, line);
    return true;
}

static bool read_secrets(struct config *config, struct err *err)
{
    for (const struct option_entry *option = config_options; option->section; option++) {
        if (option->type != OPTION_SECRET)
            continue;
        const struct option_entry *file = find_option(option->section, "password_file");
        const char *path = *(const char **)field_of(config, file);
        const char *from_environment = getenv(option->help);
        const char **secret = field_of(config, option);
        if (from_environment)
            *secret = keep(config, from_environment);
        else if (*path && !read_secret(config, path, secret, err))
            return false;
    }
    return true;
}

// A name becomes a part of topic names, groups and keys.
static bool check_name(const struct config *config, struct err *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *name = config->source.name;
    size_t n = strlen(name);
    if (n > 0 && n <= NAME_BYTES_MAX && strspn(name, allowed) == n)
        return true;
    return err_set(err, ERR_CONFIG,
                   "%s: [source] name = \"%s\": 1 to %d letters, digits, _ and - are needed",
                   config->path, name, NAME_BYTES_MAX);
}

bool config_load(struct config *config, const char *path, struct err *err)
{
    memset(config, 0, sizeof *config);
    config->path = keep(config, path);
    bool ok = set_fallbacks(config, err);
    FILE *file = ok ? fopen(path, "re") : NULL;
    if (ok && !file)
        ok = err_set(err, ERR_UNAVAILABLE, "configuration %s: %s", path, strerror(errno));
    ok =
        ok && read_lines(config, file, err) && read_secrets(config, err) && check_name(config, err);
    if (file)
        fclose(file);
    if (!ok)
        config_free(config);
    return ok;
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < config->n_memory; i++) {
        explicit_bzero(config->memory[i], strlen(config->memory[i]));
        free(config->memory[i]);
    }
    free(config->memory);
    memset(config, 0, sizeof *config);
}

static void print_option(const struct option_entry *option)
{
    printf("# %s\n", option->help);
    if (option->type == OPTION_CHOICE)
        printf("# One of: %s\n", option->choices);
    printf("%s%s =%s%s\n", *option->fallback ? "" : "#", option->key, *option->fallback ? " " : "",
           option->fallback);
}

void config_print_sample(void)
{
    const char *section = "";
    printf("# tailrace.conf: one file for each source. The values here are the defaults.\n"
           "# Numbers of bytes take KiB, MiB, GiB; durations take ms, s, min, h, d.\n");
    for (const struct option_entry *option = config_options; option->section; option++) {
        if (option->type == OPTION_SECRET)
            continue;
        if (strcmp(section, option->section) != 0)
            printf("\n[%s]\n", section = option->section);
        print_option(option);
    }
}
