#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* The alternate screen, no cursor, no wrapping of long lines; and all of that undone. */
#define TAKE "\033[?1049h\033[?25l\033[?7l"
#define GIVE "\033[?7h\033[?25h\033[?1049l"

enum { WIDTH = 80, HEIGHT = 24, KEYS_MAX = 64, ESCAPE_MS = 50 };

struct screen {
	struct termios before;
	int signals;
	struct buf frame;
	unsigned char key[KEYS_MAX]; /* read, and not given on yet */
	int n_keys;
};

bool screen_is_possible(void)
{
	const char *terminal = getenv("TERM");
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && terminal && *terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static void write_all(const void *bytes, size_t n)
{
	const char *at = bytes;
	while (n > 0) {
		const ssize_t written = write(STDOUT_FILENO, at, n);
		if (written < 0 && errno == EAGAIN) {
			struct pollfd fd = {STDOUT_FILENO, POLLOUT, 0};
			poll(&fd, 1, 1000);
		} else if (written < 0 && errno != EINTR) {
			return; /* the terminal is gone; reading it says so */
		} else if (written > 0) {
			at += written;
			n -= (size_t)written;
		}
	}
}

static int take(struct screen *screen)
{
	struct termios raw = screen->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C and Ctrl-Z stay signals */
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw))
		return -1;
	write_all(TAKE, strlen(TAKE));
	return 0;
}

static void give_back(const struct screen *screen)
{
	write_all(GIVE, strlen(GIVE));
	tcsetattr(STDIN_FILENO, TCSADRAIN, &screen->before);
}

int screen_open(struct screen **out, struct err *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
	struct screen *screen = calloc(1, sizeof(*screen));
	sigset_t set;
	if (!screen)
		return err_set(err, ERR_MEMORY, "out of memory");
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	screen->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (screen->signals < 0 || tcgetattr(STDIN_FILENO, &screen->before) || take(screen)) {
		err_errno(err, "cannot use the terminal");
		free(screen);
		return err->code;
	}
	*out = screen;
	return 0;
}

void screen_close(struct screen *screen)
{
	if (!screen)
		return;
	give_back(screen);
	close(screen->signals);
	buf_release(&screen->frame);
	free(screen);
}

void screen_size(const struct screen *screen, int *width, int *height)
{
	struct winsize size = {0};
	(void)screen;
	const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
	*width = known && size.ws_col ? size.ws_col : WIDTH;
	*height = known && size.ws_row ? size.ws_row : HEIGHT;
}

/* In one piece, so that nothing flickers. */
void screen_draw(struct screen *screen, const struct buf *text)
{
	struct buf *frame = &screen->frame;
	const char *line = text->len ? (const char *)text->data : "";
	const char *end = line + text->len;
	int width = 0;
	int height = 0;
	screen_size(screen, &width, &height);
	buf_clear(frame);
	buf_add_str(frame, "\033[H");
	for (int row = 0; row < height; row++) {
		const char *line_end = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;
		const size_t len = line < end ? (size_t)((line_end ? line_end : end) - line) : 0;
		buf_add_str(frame, row ? "\r\n\033[2K"
				       : "\033[2K"); /* behind it, it would take the last column */
		buf_add(frame, line, len);
		line = line_end ? line_end + 1 : end;
	}
	if (!frame->failed)
		write_all(frame->data, frame->len);
}

/* ---- Keys ----------------------------------------------------------------------------------------- */

/* Stopped, with the terminal as it was; and taken over again when somebody lets us go on. */
static void stop(struct screen *screen)
{
	give_back(screen);
	raise(SIGSTOP);
	take(screen);
}

static int read_signal(struct screen *screen)
{
	struct signalfd_siginfo info;
	if (read(screen->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return SCREEN_NOTHING;
	switch ((int)info.ssi_signo) {
	case SIGTSTP:
		stop(screen);
		return SCREEN_RESIZED;
	case SIGCONT: /* somebody may have used it meanwhile */
		take(screen);
		return SCREEN_RESIZED;
	case SIGWINCH:
		return SCREEN_RESIZED;
	default:
		return SCREEN_END;
	}
}

static bool wait_input(int fd, int timeout_ms)
{
	struct pollfd input = {fd, POLLIN, 0};
	return poll(&input, 1, timeout_ms) > 0;
}

static int read_keys(struct screen *screen)
{
	const ssize_t n = read(STDIN_FILENO, screen->key + screen->n_keys,
			       (size_t)(KEYS_MAX - screen->n_keys));
	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : -1;
	screen->n_keys += (int)n;
	return 0;
}

static int drop_keys(struct screen *screen, int n, int result)
{
	screen->n_keys -= n;
	memmove(screen->key, screen->key + n, (size_t)screen->n_keys);
	return result;
}

/* An arrow is three bytes, which may come one by one; Escape is one of them. Unknown sequences are nothing. */
static int next_key(struct screen *screen)
{
	if (screen->key[0] != 033)
		return drop_keys(screen, 1, screen->key[0]);
	while (screen->n_keys < 3 && wait_input(STDIN_FILENO, ESCAPE_MS))
		if (read_keys(screen))
			return SCREEN_END;
	if (screen->n_keys < 3 || (screen->key[1] != '[' && screen->key[1] != 'O'))
		return drop_keys(screen, 1, 033);
	switch (screen->key[2]) {
	case 'A':
		return drop_keys(screen, 3, SCREEN_UP);
	case 'B':
		return drop_keys(screen, 3, SCREEN_DOWN);
	case 'C':
		return drop_keys(screen, 3, SCREEN_RIGHT);
	case 'D':
		return drop_keys(screen, 3, SCREEN_LEFT);
	case 'Z':
		return drop_keys(screen, 3, SCREEN_BACK_TAB);
	default:
		return drop_keys(screen, screen->n_keys, SCREEN_NOTHING);
	}
}

int screen_key(struct screen *screen, int timeout_ms)
{
	struct pollfd fds[] = {{screen->signals, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
	if (screen->n_keys)
		return next_key(screen);
	if (poll(fds, 2, timeout_ms) < 0)
		return errno == EINTR ? SCREEN_NOTHING : SCREEN_END;
	if (fds[0].revents)
		return read_signal(screen);
	if (!fds[1].revents)
		return SCREEN_NOTHING;
	if (read_keys(screen))
		return SCREEN_END;
	return screen->n_keys ? next_key(screen) : SCREEN_NOTHING;
}
