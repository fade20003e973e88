#include "sink/payi/key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Without O_NONBLOCK a FIFO at that path would stop the agent. */
static int read_file(const char *path, char text[KEY_BYTES_MAX + 2], size_t *len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, "cannot open the key file %s", path);
	ssize_t n;
	*len = 0;
	do {
		n = read(fd, text + *len, KEY_BYTES_MAX + 1 - *len);
		*len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	int status = n < 0 ? err_errno(err, "cannot read the key file %s", path) : 0;
	close(fd);
	return status;
}

/* A key is put into a header as it is: a line break in it would make headers of its own. */
static bool is_visible_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static int take(struct key *key, const char *text, size_t len, const char *from, struct err *err)
{
	while (len > 0 && is_space(text[len - 1]))
		len--;
	while (len > 0 && is_space(text[0])) {
		text++;
		len--;
	}
	if (len == 0)
		return err_set(err, ERR_CONFIG, "there is no key in %s", from);
	if (len > KEY_BYTES_MAX || !is_visible_ascii(text, len))
		return err_set(err, ERR_CONFIG, "what is in %s is no key: one word of ASCII", from);
	if (strlen(key->text) == len && memcmp(key->text, text, len) == 0)
		return 0;
	memcpy(key->text, text, len);
	key->text[len] = '\0';
	key->generation++;
	return 0;
}

int key_look(struct key *key, struct err *err)
{
	if (key->given && key->given[0])
		return take(key, key->given, strlen(key->given), "api_key", err);
	if (!key->path || !key->path[0])
		return err_set(err, ERR_CONFIG,
			       "there is no key: set PAYI_API_KEY, or api_key_file");
	char text[KEY_BYTES_MAX + 2];
	size_t len = 0;
	int status = read_file(key->path, text, &len, err);
	return status ? status : take(key, text, len, key->path, err);
}

void key_forget(struct key *key)
{
	memset(key->text, 0, sizeof(key->text));
	key->generation++;
}
