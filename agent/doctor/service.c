/* The key, the service's address, the way there and back, and the two clocks. */
#include "base/human.h"
#include "doctor/doctor_parts.h"
#include "settings.h"
#include "sink/payi/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TIMEOUT_S = 5,
	CLOCK_US_MAX =
		30000000, /* the service stamps what we send; more than this confuses people */
};

static struct probe_options options_of(const struct settings *settings)
{
	return (struct probe_options){
		.base_url = settings->base_url,
		.api_key = settings->api_key,
		.api_key_file = settings->api_key_file,
		.ca_file = settings->ca_file,
		.client_cert = settings->client_cert,
		.client_key = settings->client_key,
		.allow_insecure = settings->allow_insecure,
		.timeout_s = TIMEOUT_S,
	};
}

/* ---- The key ---------------------------------------------------------------------------------------- */

static void look_at_key_file(struct doctor *doctor)
{
	struct stat stat_buf;
	char owner[DOCTOR_OWNER_BYTES];
	const char *path = doctor->settings->api_key_file;
	if (stat(path, &stat_buf) || !(stat_buf.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)))
		return;
	doctor_say(doctor, DOCTOR_WARNING, "key", "%s: others may read or change it (%s)", path,
		   doctor_owner(&stat_buf, owner));
	doctor_advise(doctor, "chmod 600 %s", path);
}

static bool look_at_key(struct doctor *doctor, const struct probe_options *options)
{
	struct err err;
	const struct settings *settings = doctor->settings;
	const bool given = *settings->api_key;
	const bool none = !given && !*settings->api_key_file;
	if (none) {
		doctor_say(doctor, DOCTOR_WARNING, "key", "there is none: the agent works offline");
		doctor_advise(doctor, "set PAYI_API_KEY, or name a file in PAYI_API_KEY_FILE; what "
				      "waits is sent then");
		return false;
	}
	if (probe_check_key(options, &err)) {
		doctor_say(doctor, DOCTOR_FAILED, "key", "%s", err.text);
		doctor_advise(doctor, "the file must hold the key alone, and be readable by the "
				      "agent's user; run this as that user");
		return false;
	}
	doctor_say(doctor, DOCTOR_OK, "key", "there is one, of %s (not shown)",
		   given ? settings->origin[SETTING_api_key] : settings->api_key_file);
	if (given && *settings->api_key_file) {
		doctor_say(doctor, DOCTOR_WARNING, "key", "api_key is set, so %s is not read",
			   settings->api_key_file);
		doctor_advise(doctor, "leave one of them out");
	}
	if (!given)
		look_at_key_file(doctor);
	return true;
}

/* ---- The address ------------------------------------------------------------------------------------ */

static bool look_at_url(struct doctor *doctor, const struct probe_options *options, bool *loopback)
{
	struct err err;
	const bool plain = strncmp(options->base_url, "http:", 5) == 0;
	if (probe_check_url(options, loopback, &err)) {
		doctor_say(doctor, DOCTOR_FAILED, "base URL", "%s", err.text);
		doctor_advise(doctor,
			      "correct base_url (%s); the agent does not start with this one",
			      doctor->settings->origin[SETTING_base_url]);
		return false;
	}
	const bool bare = plain && !*loopback;
	doctor_say(doctor, bare ? DOCTOR_WARNING : DOCTOR_OK, "base URL", "%s%s", options->base_url,
		   bare        ? ": the key travels unencrypted (allow_insecure)"
		   : *loopback ? ": this host"
			       : "");
	if (bare)
		doctor_advise(doctor, "use https://, and ca_file for an authority of your own");
	return true;
}

static void look_at_proxy(struct doctor *doctor, const struct probe_options *options)
{
	char proxy[PROBE_TEXT_BYTES];
	const char *exceptions = getenv("no_proxy");
	probe_proxy(options->base_url, proxy);
	if (!*proxy)
		return;
	doctor_say(doctor, DOCTOR_OK, "proxy", "%.300s%s%.200s", proxy,
		   exceptions ? ", but for no_proxy=" : "", exceptions ? exceptions : "");
}

/* ---- The way there ---------------------------------------------------------------------------------- */

static void look_at_clock(struct doctor *doctor, const struct probe *probe)
{
	char apart[HUMAN_BYTES];
	if (!probe->clock_known)
		return;
	const int64_t ahead_us = probe->clock_ahead_us;
	const int64_t apart_us = ahead_us < 0 ? -ahead_us : ahead_us;
	const bool wrong = apart_us > CLOCK_US_MAX;
	if (apart_us < 2000000)
		doctor_say(doctor, DOCTOR_OK, "clock", "as the service's, to a second or two");
	else
		doctor_say(doctor, wrong ? DOCTOR_WARNING : DOCTOR_OK, "clock",
			   "%s %s the service's", human_duration(apart_us, apart),
			   ahead_us > 0 ? "ahead of" : "behind");
	if (wrong)
		doctor_advise(doctor,
			      "set this host's clock (timedatectl set-ntp true): events carry "
			      "its time");
}

/* Who has no key yet is told 401, and all is well but for that. */
static enum doctor_result judge(const struct probe *probe, bool has_key)
{
	if (!probe->advice || (!has_key && probe->status == 401))
		return DOCTOR_OK;
	const bool passes = probe->status == 408 || probe->status == 429 || probe->status >= 500;
	return passes ? DOCTOR_WARNING : DOCTOR_FAILED;
}

static void say_answer(struct doctor *doctor, const struct probe *probe, bool has_key)
{
	char took[HUMAN_BYTES];
	const enum doctor_result result = judge(probe, has_key);
	human_duration(probe->took_us, took);
	if (!probe->status)
		doctor_say(doctor, result, "service", "no answer: %s", probe->error);
	else if (result == DOCTOR_OK)
		doctor_say(doctor, result, "service", "answers in %s%s", took,
			   has_key ? ", and takes the key" : ", and asks for a key");
	else
		doctor_say(doctor, result, "service", "answers %d in %s", probe->status, took);
	if (result != DOCTOR_OK)
		doctor_advise(doctor, "%s", probe->advice);
}

void doctor_service(struct doctor *doctor, bool network)
{
	struct probe probe;
	struct err err;
	bool loopback = false;
	const struct probe_options options = options_of(doctor->settings);
	const bool has_key = look_at_key(doctor, &options);
	if (!look_at_url(doctor, &options, &loopback))
		return;
	if (!loopback)
		look_at_proxy(doctor, &options);
	if (!network) {
		doctor_say(doctor, DOCTOR_OK, "service", "not asked (--no-network)");
		return;
	}
	doctor_end(doctor); /* the answer may take a while */
	if (probe_run(&options, &probe, &err)) {
		doctor_say(doctor, DOCTOR_FAILED, "service", "cannot be asked: %s", err.text);
		return;
	}
	say_answer(doctor, &probe, has_key);
	look_at_clock(doctor, &probe);
}
