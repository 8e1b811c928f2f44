// SPDX-License-Identifier: GPL-2.0-or-later
/* Torrents: ours, of one file and of several, and those that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clean.h"
#include "base/fs.h"
#include "images/abt/core/metainfo.h"
#include "plan/payload.h"

#define H20 "01234567890123456789"
#define H40 H20 H20

static struct metainfo *load(const char *text)
{
	struct metainfo *mi = NULL;
	struct err err = { 0 };

	if (metainfo_parse(text, strlen(text), &mi, &err)) {
		fail_msg("%s", err.msg);
	}
	return mi;
}

static void test_one_file(void **state)
{
	struct metainfo *mi = load("d8:announce8:http://t4:infod6:lengthi17e4:name1:f"
				   "12:piece lengthi16e6:pieces40:" H40 "7:privatei1eee");

	(void)state;
	assert_string_equal(mi->announce, "http://t");
	assert_string_equal(mi->name, "f");
	assert_int_equal(mi->nfiles, 1);
	assert_string_equal(mi->files[0].path, "f");
	assert_false(mi->multi);
	assert_true(mi->is_private);
	assert_int_equal(mi->pieces, 2);
	assert_int_equal(metainfo_piece_bytes(mi, 0), 16);
	assert_int_equal(metainfo_piece_bytes(mi, 1), 1);
	metainfo_destroy(mi);
}

static void test_files_lie_behind_each_other(void **state)
{
	struct metainfo *mi = load("d4:infod5:filesl"
				   "d6:lengthi5e4:pathl1:a1:bee"
				   "d6:lengthi0e4:pathl5:emptyee"
				   "d6:lengthi27e4:pathl1:cee"
				   "e4:name3:dir12:piece lengthi16e6:pieces40:" H40 "ee");

	(void)state;
	assert_null(mi->announce);
	assert_true(mi->multi);
	assert_false(mi->is_private);
	assert_int_equal(mi->nfiles, 3);
	assert_string_equal(mi->files[0].path, "a/b");
	assert_int_equal(mi->files[1].offset, 5);
	assert_int_equal(mi->files[1].length, 0);
	assert_int_equal(mi->files[2].offset, 5);
	assert_int_equal(mi->length, 32);
	assert_int_equal(metainfo_piece_bytes(mi, 1), 16);
	metainfo_destroy(mi);
}

#define INFO(name, length, piece, hashes) \
	"d4:infod6:length" length "4:name" name "12:piece length" piece "6:pieces" hashes "ee"
#define FILES(path, length) \
	"d4:infod5:filesld6:length" length "4:path" path "ee4:name1:d" \
	"12:piece lengthi16e6:pieces20:" H20 "ee"

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} cases[] = {
		{ "", "not a bencoded" },
		{ "le", "not a bencoded" },
		{ "de", "no info" },
		{ "d4:info1:xe", "no info" },
		{ INFO("2:..", "i1e", "i16e", "20:" H20), "name" },
		{ INFO("3:a/b", "i1e", "i16e", "20:" H20), "name" },
		{ INFO("0:", "i1e", "i16e", "20:" H20), "name" },
		{ INFO("1:f", "i-1e", "i16e", "20:" H20), "length" },
		{ INFO("1:f", "1:x", "i16e", "20:" H20), "length" },
		{ INFO("1:f", "i9223372036854775807e", "i16e", "20:" H20), "length" },
		{ INFO("1:f", "i0e", "i16e", "0:"), "empty" },
		{ INFO("1:f", "i1e", "i0e", "20:" H20), "piece length" },
		{ INFO("1:f", "i1e", "i-16e", "20:" H20), "piece length" },
		{ INFO("1:f", "i1e", "i4294967296e", "20:" H20), "piece length" },
		{ INFO("1:f", "i17e", "i16e", "20:" H20), "hashes" },
		{ INFO("1:f", "i1e", "i16e", "40:" H40), "hashes" },
		{ INFO("1:f", "i281474976710656e", "i1e", "20:" H20), "hashes" },
		{ FILES("le", "i1e"), "empty" },
		{ FILES("l2:..1:ae", "i1e"), "component" },
		{ FILES("l1:a2:..e", "i1e"), "component" },
		{ FILES("l4:/etce", "i1e"), "component" },
		{ FILES("li1ee", "i1e"), "component" },
		{ FILES("1:a", "i1e"), "no path" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metainfo *mi = NULL;
		struct err err = { 0 };

		assert_int_equal(metainfo_parse(cases[i].text, strlen(cases[i].text), &mi, &err),
				 -1);
		assert_null(mi);
		if (!strstr(err.msg, cases[i].why)) {
			fail_msg("case %zu: \"%s\" says nothing of \"%s\"", i, err.msg,
				 cases[i].why);
		}
	}
}

static void read_file(const char *path, char **bytes, size_t *len)
{
	struct err err = { 0 };

	if (fs_read(path, bytes, len, &err)) {
		fail_msg("%s", err.msg);
	}
}

/* The torrent that lento writes for a payload: same hash, and its pieces verify. */
static void test_torrent_of_a_run(void **state)
{
	char dir[] = "/tmp/lento-test-abt-XXXXXX";
	CLEAN_FREE char *payload = NULL;
	CLEAN_FREE char *path = NULL;
	CLEAN_FREE char *text = NULL;
	CLEAN_FREE char *bytes = NULL;
	struct torrent torrent;
	struct metainfo *mi;
	struct err err = { 0 };
	size_t len = 0;
	char hex[2 * SHA1_BYTES + 1];

	(void)state;
	assert_non_null(mkdtemp(dir));
	payload = str_format("%s/payload", dir);
	path = str_format("%s/torrent", dir);
	if (payload_generate(payload, 40000, 1, &err) ||
	    torrent_write(path, payload, "payload", 16384, "http://t/announce", &torrent, &err)) {
		fail_msg("%s", err.msg);
	}
	read_file(path, &text, &len);
	assert_int_equal(metainfo_parse(text, len, &mi, &err), 0);
	for (size_t i = 0; i < SHA1_BYTES; i++) {
		snprintf(hex + 2 * i, 3, "%02x", mi->info_hash[i]);
	}
	assert_string_equal(hex, torrent.infohash);
	assert_int_equal(mi->pieces, 3);
	read_file(payload, &bytes, &len);
	for (uint32_t i = 0; i < mi->pieces; i++) {
		char *piece = bytes + (size_t)i * mi->piece_bytes;

		assert_true(metainfo_verify(mi, i, piece));
		piece[0] ^= 1;
		assert_false(metainfo_verify(mi, i, piece));
	}
	metainfo_destroy(mi);
	unlink(payload);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_file),
		cmocka_unit_test(test_files_lie_behind_each_other),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_torrent_of_a_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
