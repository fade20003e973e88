#include "settings_parts.h"

#include "base/nearness.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <string.h>

/* What is being read; inih gives names and values, but no line numbers, so we count what it asks for. */
struct config_file {
	struct settings *settings;
	const char *path;
	FILE *stream;
	int line;
	int set_at[SETTINGS_N]; /* the line that set it; 0: none yet */
	int status;             /* of the first error; the rest is read over */
	struct err *err;
};

static const char *nearest_section(const char *section)
{
	const char *best = NULL;
	size_t best_distance = NEARNESS_MAX + 1;
	for (int i = 0; i < SETTINGS_N; i++) {
		const size_t distance = nearness(section, settings_table[i].section);
		if (distance < best_distance) {
			best_distance = distance;
			best = settings_table[i].section;
		}
	}
	return best;
}

/* A name that is as near in the section that was meant counts as nearer. */
static const struct setting *nearest_setting(const char *section, const char *name)
{
	const struct setting *best = NULL;
	size_t best_distance = 2 * (NEARNESS_MAX + 1);
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting *setting = &settings_table[i];
		const size_t distance = 2 * nearness(name, setting->name) +
					(strcmp(section, setting->section) != 0);
		if (distance < best_distance) {
			best_distance = distance;
			best = setting;
		}
	}
	return best;
}

static bool is_section(const char *section)
{
	for (int i = 0; i < SETTINGS_N; i++)
		if (strcmp(section, settings_table[i].section) == 0)
			return true;
	return false;
}

static int refuse_name(const struct config_file *file, const char *section, const char *name)
{
	if (!*section)
		return err_set(file->err, ERR_CONFIG, "%s:%d: %s stands before any [section]",
			       file->path, file->line, name);
	if (!is_section(section)) {
		const char *like = nearest_section(section);
		return err_set(file->err, ERR_CONFIG, "%s:%d: there is no section [%s]%s%s%s",
			       file->path, file->line, section, like ? "; did you mean [" : "",
			       like ? like : "", like ? "]?" : "");
	}
	const struct setting *like = nearest_setting(section, name);
	if (!like)
		return err_set(
			file->err, ERR_CONFIG,
			"%s:%d: [%s] has no setting %s; `payi-agent config sample` lists them",
			file->path, file->line, section, name);
	return err_set(file->err, ERR_CONFIG,
		       "%s:%d: [%s] has no setting %s; did you mean %s in [%s]?", file->path,
		       file->line, section, name, like->name, like->section);
}

static int find(const char *section, const char *name)
{
	for (int i = 0; i < SETTINGS_N; i++)
		if (strcmp(section, settings_table[i].section) == 0 &&
		    strcmp(name, settings_table[i].name) == 0)
			return i;
	return -1;
}

static int take_entry(struct config_file *file, const char *section, const char *name,
		      const char *value)
{
	char origin[PATH_MAX + 16];
	const int i = find(section, name);
	if (i < 0)
		return refuse_name(file, section, name);
	if (file->set_at[i])
		return err_set(file->err, ERR_CONFIG, "%s:%d: %s was set in line %d already",
			       file->path, file->line, name, file->set_at[i]);
	file->set_at[i] = file->line;
	if (!*value) /* as in the environment: no value */
		return 0;
	snprintf(origin, sizeof(origin), "%s:%d", file->path, file->line);
	return settings_set(file->settings, i, value, origin, file->err);
}

/* inih's handler: 0 is an error. */
static int on_entry(void *user, const char *section, const char *name, const char *value)
{
	struct config_file *file = user;
	if (!file->status)
		file->status = settings_pass_over(
			file->settings, take_entry(file, section, name, value), file->err);
	return file->status == 0;
}

static int refuse_line(const struct config_file *file, const char *why)
{
	return err_set(file->err, ERR_CONFIG, "%s:%d: %s", file->path, file->line, why);
}

/* inih passes over what follows a section's name. */
static bool is_well_ended(const char *line)
{
	if (*line != '[')
		return true;
	const char *end = strchr(line, ']');
	if (!end)
		return false;
	end += 1 + strspn(end + 1, " \t\r\n");
	return !*end || *end == '#' || *end == ';';
}

/* Reads a line as fgets() does, but finds what a text has not: fgets() would end the line at a NUL unnoticed. */
static size_t read_line(struct config_file *file, char *line, size_t bytes)
{
	size_t n = 0;
	int c = 0;
	file->line++;
	while (c != '\n' && (c = getc(file->stream)) != EOF && !file->status) {
		if (n + 1 == bytes)
			file->status = err_set(file->err, ERR_CONFIG,
					       "%s:%d: the line is longer than %zu bytes",
					       file->path, file->line, bytes - 2);
		else if ((c < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
			file->status = refuse_line(file, "there is a control character in it");
		else
			line[n++] = (char)c;
	}
	while (c != '\n' && c != EOF) /* of a line that is passed over */
		c = getc(file->stream);
	line[n] = '\0';
	return n;
}

/*
 * inih's reader, as fgets(). A line that is indented would go on with the value of the line before;
 * here it does not. A line that is too long would be cut in two.
 */
static char *on_line(char *line, int bytes, void *user)
{
	struct config_file *file = user;
	if (file->status)
		return NULL;
	const size_t len = read_line(file, line, (size_t)bytes);
	if (len == 0 && !file->status)
		return NULL;
	const size_t indent = strspn(line, " \t");
	memmove(line, line + indent, len - indent + 1);
	if (!file->status && !is_well_ended(line))
		file->status = refuse_line(file, "a section is a line of its own: [name]");
	if (file->status) {
		file->status = settings_pass_over(file->settings, file->status, file->err);
		snprintf(line, (size_t)bytes, "\n");
	}
	return file->status ? NULL : line;
}

static int parse_file(struct config_file *file)
{
	const int bad_line = ini_parse_stream(on_line, file, on_entry, file);
	if (file->status)
		return file->status;
	if (ferror(file->stream)) {
		err_errno(file->err, "cannot read the configuration file %s", file->path);
		return file->err->code = ERR_CONFIG;
	}
	if (bad_line)
		return err_set(file->err, ERR_CONFIG,
			       "%s:%d: neither [section], nor name = value, nor a comment (#)",
			       file->path, bad_line);
	return 0;
}

int settings_read_file(struct settings *settings, const char *path, bool must_exist,
		       struct err *err)
{
	struct config_file file = {.settings = settings, .path = path, .err = err};
	file.stream = settings_open_file(path, err);
	if (!file.stream && !must_exist && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (!file.stream && errno)
		err_errno(err,
			  "cannot read the configuration file %s (--config gives another; "
			  "/dev/null is an empty one)",
			  path);
	if (!file.stream)
		return err->code = ERR_CONFIG;
	const int status = parse_file(&file);
	fclose(file.stream);
	return status;
}
