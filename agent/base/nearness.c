#include "base/nearness.h"

#include <string.h>

enum { NAME_BYTES_MAX = 64 };

size_t nearness(const char *a, const char *b)
{
	size_t row[NAME_BYTES_MAX + 1];
	const size_t len_a = strnlen(a, NAME_BYTES_MAX);
	const size_t len_b = strnlen(b, NAME_BYTES_MAX);
	for (size_t j = 0; j <= len_b; j++)
		row[j] = j;
	for (size_t i = 0; i < len_a; i++) {
		size_t diagonal = row[0];
		row[0] = i + 1;
		for (size_t j = 1; j <= len_b; j++) {
			const size_t change = diagonal + (a[i] != b[j - 1]);
			const size_t shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
			diagonal = row[j];
			row[j] = change < shift ? change : shift;
		}
	}
	return row[len_b];
}
