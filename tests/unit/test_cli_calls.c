/* What a command says of its error while calls fail. */
#include "cli/cli.h"
#include "help/fault_calls.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

/* It needs nothing that may be short, least of all memory. Of the longest text, each byte of which is written out in four. */
Test(cli_calls, an_error_is_said_whatever_fails, .init = cr_redirect_stderr)
{
	static const char command[] = "payi-agent run";
	char wanted[sizeof(command) + 2 + 4 * ERR_TEXT_BYTES] = "payi-agent run: ";
	struct err err = {.code = ERR_MEMORY};
	memset(err.text, '\a', sizeof(err.text) - 1);
	for (size_t i = 0; i + 1 < sizeof(err.text); i++)
		strcat(wanted, "\\x07");
	fault_calls_arm();
	cli_fail(command, &err);
	cr_assert_null(fault_calls_disarm());
	strcat(wanted, "\n");
	fflush(stderr);
	cr_assert_stderr_eq_str(wanted);
}
