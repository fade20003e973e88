#include "sink/payi/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>

static bool host_is_loopback(const char *host)
{
	struct in_addr address;
	if (inet_pton(AF_INET, host, &address) == 1)
		return ntohl(address.s_addr) >> 24 == 127;
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

static bool url_has(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK && text[0] != '\0';
	curl_free(text);
	return has;
}

static int check_parts(CURLU *url, const char *base_url, bool allow_insecure, bool *loopback,
		       struct err *err)
{
	char *scheme = NULL;
	char *host = NULL;
	int status = 0;
	if (url_has(url, CURLUPART_QUERY) || url_has(url, CURLUPART_FRAGMENT)) {
		status = err_set(err, ERR_CONFIG, "base_url is %s: it must end with the path",
				 base_url);
	} else if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) ||
		   curl_url_get(url, CURLUPART_HOST, &host, 0)) {
		status = err_set(err, ERR_CONFIG, "base_url is %s: it has no host", base_url);
	} else {
		bool plain = strcmp(scheme, "http") == 0;
		*loopback = host_is_loopback(host);
		if (!plain && strcmp(scheme, "https") != 0)
			status = err_set(err, ERR_CONFIG,
					 "base_url is %s: it must begin with https://", base_url);
		else if (plain && !*loopback && !allow_insecure)
			status = err_set(err, ERR_CONFIG,
					 "base_url is %s: the key would travel unencrypted; use "
					 "https://, or set allow_insecure",
					 base_url);
	}
	curl_free(scheme);
	curl_free(host);
	return status;
}

int url_check(const char *base_url, bool allow_insecure, bool *loopback, struct err *err)
{
	CURLU *url = curl_url();
	if (!url)
		return err_set(err, ERR_MEMORY, "out of memory");
	int status;
	if (curl_url_set(url, CURLUPART_URL, base_url, CURLU_NON_SUPPORT_SCHEME))
		/* Not shown: what cannot be read may hold a password. */
		status = err_set(err, ERR_CONFIG, "base_url is no URL; give https://host");
	else if (url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_PASSWORD))
		status = err_set(err, ERR_CONFIG,
				 "base_url holds a user or a password; leave them out, the key "
				 "goes in api_key or api_key_file");
	else
		status = check_parts(url, base_url, allow_insecure, loopback, err);
	curl_url_cleanup(url);
	return status;
}

void url_add_encoded(struct buf *out, const char *text, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];
		if (byte != '\0' && strchr(plain, byte)) {
			buf_add_char(out, (char)byte);
			continue;
		}
		buf_add_char(out, '%');
		buf_add_char(out, hex[byte >> 4]);
		buf_add_char(out, hex[byte & 15]);
	}
}
