#include "use_case.h"

#include "error.h"
#include "put.h"

/* What a use case name may consist of. */
static const bool name_char[256] = {
	['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true,
	['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true,
	['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true,
	['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true, ['X'] = true,
	['Y'] = true, ['Z'] = true, ['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true,
	['e'] = true, ['f'] = true, ['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true,
	['k'] = true, ['l'] = true, ['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true,
	['q'] = true, ['r'] = true, ['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true,
	['w'] = true, ['x'] = true, ['y'] = true, ['z'] = true, ['0'] = true, ['1'] = true,
	['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true, ['6'] = true, ['7'] = true,
	['8'] = true, ['9'] = true, ['.'] = true, ['-'] = true, ['_'] = true,
};

payi_status payi__use_case_check_name(const char *field, const char *name)
{
	size_t len = 0;
	while (len <= PAYI_LIMIT_USE_CASE_NAME && name_char[(unsigned char)name[len]])
		len++;
	if (len > 0 && len <= PAYI_LIMIT_USE_CASE_NAME && name[len] == '\0')
		return PAYI_OK;
	return payi__fail(PAYI_ERR_INVALID, "%s is '%s'; it must be 1 to 64 of A-Z a-z 0-9 . - _",
			  field, name);
}

payi_status payi__use_case_check_orphans(const char *id, const char *step, int32_t version,
					 size_t n_properties)
{
	const char *orphan = payi__given(id)         ? "use_case_id"
			     : payi__given(step)     ? "use_case_step"
			     : version != PAYI_UNSET ? "use_case_version"
			     : n_properties          ? "use_case_properties"
						     : NULL;
	if (!orphan)
		return PAYI_OK;
	return payi__fail(PAYI_ERR_INVALID,
			  "%s is set, but there is no use_case_name for it to belong to", orphan);
}
