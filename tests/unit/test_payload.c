// SPDX-License-Identifier: GPL-2.0-or-later
/* The payload by seed, and the torrent that describes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/clean.h"
#include "base/fs.h"
#include "plan/payload.h"

struct fixture {
	char dir[32];
	char *a, *b, *torrent;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/lento-test-XXXXXX");
	if (!mkdtemp(f->dir)) {
		return -1;
	}
	f->a = str_format("%s/a", f->dir);
	f->b = str_format("%s/b", f->dir);
	f->torrent = str_format("%s/t", f->dir);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	fs_remove_tree(f->dir, NULL);
	free(f->a);
	free(f->b);
	free(f->torrent);
	free(f);
	return 0;
}

static void the_seed_decides(void **state)
{
	struct fixture *f = *state;
	char one[65], two[65], other[65];
	struct err err;

	assert_int_equal(payload_generate(f->a, 3000001, 5, &err), 0);
	assert_int_equal(payload_generate(f->b, 3000001, 5, &err), 0);
	assert_int_equal(payload_sha256(f->a, one, &err), 0);
	assert_int_equal(payload_sha256(f->b, two, &err), 0);
	assert_string_equal(one, two);
	assert_int_equal(payload_generate(f->b, 3000001, 6, &err), 0);
	assert_int_equal(payload_sha256(f->b, other, &err), 0);
	assert_string_not_equal(one, other);
}

static void the_torrent_says_what_the_file_is(void **state)
{
	struct fixture *f = *state;
	CLEAN_FREE char *bytes = NULL;
	CLEAN_FREE char *file = NULL;
	uint8_t digest[20];
	struct torrent t;
	struct err err;
	char *p, hex[41];
	size_t len, file_len;

	assert_int_equal(payload_generate(f->a, 100000, 1, &err), 0);
	assert_int_equal(torrent_write(f->torrent, f->a, "pay", 65536, "http://198.18.0.1:6969/announce",
				       &t, &err), 0);
	assert_int_equal(t.pieces, 2);
	assert_int_equal(fs_read(f->torrent, &bytes, &len, &err), 0);
	assert_int_equal(fs_read(f->a, &file, &file_len, &err), 0);
	assert_memory_equal(bytes, "d8:announce31:http://198.18.0.1:6969/announce", 45);
	p = memmem(bytes, len, "4:infod6:lengthi100000e4:name3:pay12:piece lengthi65536e6:pieces40:", 67);
	assert_non_null(p);
	EVP_Digest(file + 65536, file_len - 65536, digest, NULL, EVP_sha1(), NULL);
	assert_memory_equal(p + 67 + 20, digest, 20);
	assert_memory_equal(p + 67 + 40, "7:privatei1eee", 14);
	/* The infohash is that of the info dictionary's own bytes. */
	EVP_Digest(p + 6, (size_t)(bytes + len - 1 - (p + 6)), digest, NULL, EVP_sha1(), NULL);
	for (int i = 0; i < 20; i++) {
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	}
	assert_string_equal(hex, t.infohash);
}

static void an_empty_or_missing_file_is_refused(void **state)
{
	struct fixture *f = *state;
	struct torrent t;
	struct err err;

	assert_int_equal(payload_generate(f->a, 0, 1, &err), 0);
	assert_int_equal(torrent_write(f->torrent, f->a, "p", 65536, "http://x/", &t, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_int_equal(torrent_write(f->torrent, f->b, "p", 65536, "http://x/", &t, &err), -1);
	assert_non_null(strstr(err.msg, f->b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_seed_decides, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_torrent_says_what_the_file_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_empty_or_missing_file_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
