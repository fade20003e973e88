#include "help/service_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct help_site site;
struct standin service;
char base_url[64];

void service_set_up(void)
{
	help_site_make(&site);
	cr_assert_eq(standin_start(&service, NULL), 0);
	snprintf(base_url, sizeof(base_url), "--base-url=%s", service.url);
}

void service_tear_down(void)
{
	help_site_remove(&site);
	standin_stop(&service);
}
