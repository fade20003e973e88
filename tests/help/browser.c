#define _GNU_SOURCE /* vasprintf() */
#include "help/browser.h"

#include "help/help.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CALL_S = 60, WAIT_S = 20, LOOK_MS = 50, DRIVER_TRIES = 5, ANSWER_BYTES_MAX = 64 << 20 };

/* ---- One call of WebDriver ------------------------------------------------------------------------ */

struct answer {
	char *text;
	size_t n;
};

static size_t take(char *bytes, size_t size, size_t n, void *context)
{
	struct answer *answer = context;
	n *= size;
	if (answer->n + n > ANSWER_BYTES_MAX)
		return 0;
	answer->text = realloc(answer->text, answer->n + n + 1);
	memcpy(answer->text + answer->n, bytes, n);
	answer->n += n;
	answer->text[answer->n] = '\0';
	return n;
}

/* The value of the answer; NULL: *what went wrong, malloc'd. body is taken. */
static json_t *try_call(const struct browser *browser, const char *method, const char *path,
			json_t *body, char **what)
{
	char url[256];
	struct answer answer = {0};
	char *text = body ? json_dumps(body, 0) : NULL;
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", browser->port, path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (text)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)CALL_S);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	const CURLcode code = curl_easy_perform(curl);
	long status = 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	free(text);
	json_decref(body);
	json_t *json = answer.text ? json_loads(answer.text, 0, NULL) : NULL;
	json_t *value = json_incref(json_object_get(json, "value"));
	json_decref(json);
	if (code == CURLE_OK && status == 200 && value) {
		free(answer.text);
		return value;
	}
	json_decref(value);
	*what = answer.text ? answer.text : strdup(curl_easy_strerror(code));
	return NULL;
}

static json_t *call(const struct browser *browser, const char *method, const char *path,
		    json_t *body)
{
	char *what = NULL;
	json_t *value = try_call(browser, method, path, body, &what);
	cr_assert(value, "the browser, asked %s %s: %.2000s", method, path, what);
	free(what);
	return value;
}

static json_t *in_session(const struct browser *browser, const char *path, json_t *body)
{
	char full[256];
	snprintf(full, sizeof(full), "/session/%s%s", browser->session, path);
	return call(browser, "POST", full, body);
}

static void devtools(const struct browser *browser, const char *command, json_t *params)
{
	json_decref(in_session(browser, "/goog/cdp/execute",
			       json_pack("{s:s, s:o}", "cmd", command, "params", params)));
}

/* ---- From starting to stopping -------------------------------------------------------------------- */

bool browser_is_installed(void)
{
	char *output;
	const int code = help_shell(
		&output, "command -v chromium >/dev/null && command -v chromedriver >/dev/null");
	free(output);
	return code == 0;
}

static void exec_driver(int output)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setpgid(0, 0);
	dup2(output, STDOUT_FILENO);
	const int null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDERR_FILENO);
	execlp("chromedriver", "chromedriver", "--port=0", "--log-level=SEVERE", (char *)NULL);
	_exit(127);
}

/* It says "… was started successfully on port 12345." */
static int read_port(int fd)
{
	char text[4096];
	size_t n = 0;
	ssize_t got;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	while (n < sizeof(text) - 1 && poll(&ready, 1, WAIT_S * 1000) == 1 &&
	       (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0) {
		n += (size_t)got;
		text[n] = '\0';
		const char *at = strstr(text, "successfully on port ");
		if (at && strchr(at, '.'))
			return (int)strtol(at + strlen("successfully on port "), NULL, 10);
	}
	return 0;
}

/* As root it needs --no-sandbox; the others keep it from asking the world for news. */
static json_t *capabilities(const struct browser *browser)
{
	char profile[128];
	snprintf(profile, sizeof(profile), "--user-data-dir=%s", browser->profile);
	json_t *arguments = json_pack("[s, s, s, s, s, s, s, s, s]", "--headless=new",
				      "--no-sandbox", "--disable-gpu", "--disable-quic",
				      "--no-first-run", "--disable-background-networking",
				      "--disable-component-update", "--disable-sync", profile);
	return json_pack("{s:{s:{s:s, s:{s:s, s:s}, s:{s:o}}}}", "capabilities", "alwaysMatch",
			 "browserName", "chrome", "goog:loggingPrefs", "browser", "ALL",
			 "performance", "ALL", "goog:chromeOptions", "args", arguments);
}

/* It wants one free port of two families, and ends when what it was given is free in one alone: then port is 0. */
static void start_driver(struct browser *browser)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	browser->driver = fork();
	cr_assert(browser->driver >= 0);
	if (browser->driver == 0)
		exec_driver(ends[1]);
	close(ends[1]);
	browser->port = read_port(ends[0]);
	close(ends[0]);
	if (browser->port > 0)
		return;
	kill(browser->driver, SIGKILL);
	waitpid(browser->driver, NULL, 0);
	browser->driver = 0;
}

void browser_start(struct browser *browser)
{
	*browser = (struct browser){.profile = "/tmp/payi-browser-XXXXXX"};
	cr_assert(mkdtemp(browser->profile), "cannot make %s", browser->profile);
	for (int i = 0; i < DRIVER_TRIES && browser->port <= 0; i++)
		start_driver(browser);
	cr_assert(browser->port > 0, "chromedriver does not start");
	json_t *value = call(browser, "POST", "/session", capabilities(browser));
	snprintf(browser->session, sizeof(browser->session), "%s",
		 json_string_value(json_object_get(value, "sessionId")));
	json_decref(value);
	browser_go(browser,
		   "about:blank"); /* away from its own first page, and what that asked for */
	json_decref(browser_requests(browser));
	json_decref(browser_console(browser));
}

void browser_stop(struct browser *browser)
{
	char path[128];
	char *text = NULL;
	if (browser->driver <= 0)
		return;
	if (browser->session[0]) {
		snprintf(path, sizeof(path), "/session/%s", browser->session);
		json_decref(try_call(browser, "DELETE", path, NULL, &text));
		free(text);
	}
	kill(-browser->driver, SIGTERM); /* its group: a browser that did not obey it, too */
	waitpid(browser->driver, NULL, 0);
	help_shell(&text, "rm -rf '%s'", browser->profile);
	free(text);
	*browser = (struct browser){0};
}

void browser_go(struct browser *browser, const char *url)
{
	json_decref(in_session(browser, "/url", json_pack("{s:s}", "url", url)));
}

void browser_resize(struct browser *browser, int width, int height)
{
	devtools(browser, "Emulation.setDeviceMetricsOverride",
		 json_pack("{s:i, s:i, s:i, s:b}", "width", width, "height", height,
			   "deviceScaleFactor", 1, "mobile", 0));
}

void browser_be_dark(struct browser *browser, bool dark)
{
	devtools(browser, "Emulation.setEmulatedMedia",
		 json_pack("{s:[{s:s, s:s}]}", "features", "name", "prefers-color-scheme", "value",
			   dark ? "dark" : "light"));
}

/* ---- Asking the page ------------------------------------------------------------------------------ */

static json_t *eval_text(struct browser *browser, const char *script)
{
	return in_session(browser, "/execute/sync",
			  json_pack("{s:s, s:[]}", "script", script, "args"));
}

__attribute__((format(printf, 2, 0))) static json_t *eval_va(struct browser *browser,
							     const char *format, va_list values)
{
	char *script;
	cr_assert(vasprintf(&script, format, values) >= 0);
	json_t *value = eval_text(browser, script);
	free(script);
	return value;
}

json_t *browser_eval(struct browser *browser, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	json_t *value = eval_va(browser, format, values);
	va_end(values);
	return value;
}

bool browser_is(struct browser *browser, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	json_t *value = eval_va(browser, format, values);
	va_end(values);
	const bool is = json_is_true(value);
	json_decref(value);
	return is;
}

double browser_number(struct browser *browser, const char *expression)
{
	json_t *value = browser_eval(browser, "return Number(%s)", expression);
	cr_assert(json_is_number(value), "%s is no number", expression);
	const double number = json_number_value(value);
	json_decref(value);
	return number;
}

char *browser_text(struct browser *browser, const char *expression)
{
	json_t *value = browser_eval(browser, "return String(%s)", expression);
	char *text = strdup(json_string_value(value));
	json_decref(value);
	return text;
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void browser_wait(struct browser *browser, const char *expression)
{
	const double deadline = now_s() + WAIT_S;
	while (!browser_is(browser, "return Boolean(%s)", expression)) {
		if (now_s() > deadline) {
			char *text = browser_text(browser, "document.body.innerText");
			cr_assert(0, "waited %d s in vain for %s; the page says:\n%.3000s", WAIT_S,
				  expression, text);
		}
		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
	}
}

void browser_keys(struct browser *browser, const char *keys)
{
	json_t *actions = json_array();
	for (const char *at = keys; *at;) {
		size_t n = 1; /* bytes of the character */
		while ((at[n] & 0xC0) == 0x80)
			n++;
		json_array_append_new(actions,
				      json_pack("{s:s, s:s%}", "type", "keyDown", "value", at, n));
		json_array_append_new(actions,
				      json_pack("{s:s, s:s%}", "type", "keyUp", "value", at, n));
		at += n;
	}
	json_decref(in_session(browser, "/actions",
			       json_pack("{s:[{s:s, s:s, s:o}]}", "actions", "type", "key", "id",
					 "keyboard", "actions", actions)));
}

/* ---- What it has seen ----------------------------------------------------------------------------- */

static json_t *read_log(struct browser *browser, const char *type)
{
	return in_session(browser, "/se/log", json_pack("{s:s}", "type", type));
}

json_t *browser_console(struct browser *browser)
{
	return read_log(browser, "browser");
}

json_t *browser_requests(struct browser *browser)
{
	json_t *urls = json_array();
	json_t *log = read_log(browser, "performance");
	for (size_t i = 0; i < json_array_size(log); i++) {
		const char *text =
			json_string_value(json_object_get(json_array_get(log, i), "message"));
		json_t *entry = text ? json_loads(text, 0, NULL) : NULL;
		const char *method = NULL, *url = NULL;
		if (json_unpack(entry, "{s:{s:s, s:{s:{s:s}}}}", "message", "method", &method,
				"params", "request", "url", &url) == 0 &&
		    strcmp(method, "Network.requestWillBeSent") == 0)
			json_array_append_new(urls, json_string(url));
		json_decref(entry);
	}
	json_decref(log);
	return urls;
}
