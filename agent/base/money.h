/*
 * Money: whole picodollars (US dollars / 10^12), so that sums are exact, whatever their order. A price of a millionth
 * of a cent is a whole number of these, and an int64 holds nine million dollars. Leaf.
 */
#ifndef PAYI_BASE_MONEY_H
#define PAYI_BASE_MONEY_H

#include <stdint.h>

enum { MONEY_TEXT_BYTES = 32 };

/* In dollars, exact, without zeros at its end: "0.0012", "3". As the views of the database write it. */
const char *money_text(int64_t picodollars, char text[MONEY_TEXT_BYTES]);

/*
 * Dollars as picodollars, to the nearest. -1: below 0, no number, or more than a million, which no price or cost of one
 * event is.
 */
int64_t money_of_dollars(double dollars);

#endif
