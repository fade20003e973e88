#include "base/gzip.h"

#include <limits.h>
#include <string.h>
#define ZLIB_CONST /* it does not write to what it reads */
#include <zlib.h>

enum {
	GZIP_FORMAT = 15 + 16, /* zlib's way to say: the largest window, gzip's header */
	MEMORY_LEVEL = 8,      /* zlib's own default */
};

static bool deflate_all(z_stream *stream, struct buf *out, size_t n)
{
	const size_t bound = deflateBound(stream, n);
	if (bound > UINT_MAX || !buf_reserve(out, bound))
		return false;
	stream->next_out = out->data + out->len;
	stream->avail_out = (unsigned)bound;
	if (deflate(stream, Z_FINISH) != Z_STREAM_END)
		return false;
	out->len += stream->total_out;
	return true;
}

bool gzip_add(struct buf *out, const void *bytes, size_t n)
{
	z_stream stream;
	memset(&stream, 0, sizeof(stream));
	if (n > UINT_MAX || deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_FORMAT,
					 MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	stream.next_in = bytes;
	stream.avail_in = (unsigned)n;
	const bool done = deflate_all(&stream, out, n);
	deflateEnd(&stream);
	return done;
}
