/* The two halves of payi-agent ring. One thread. */
#ifndef PAYI_CLI_RING_H
#define PAYI_CLI_RING_H

#include "history/books.h"

#include <stdint.h>

enum { RING_ID_TEXT_BYTES = 2 * BOOKS_ID_BYTES + 1 };

/* A ring's id as its file's name has it. */
void ring_id_text(const uint8_t ring_id[BOOKS_ID_BYTES], char text[RING_ID_TEXT_BYTES]);

/* payi-agent ring dump; an exit code. */
int ring_dump(int argc, char **argv);

#endif
