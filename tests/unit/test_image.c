// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clean.h"
#include "base/fs.h"
#include "topo/experiment.h"
#include "topo/fields.h"
#include "topo/image.h"

static const struct image_vars vars = {
	.ip = "198.18.1.7", .name = "leechers-7", .data = "/data", .log = "/log", .tmp = "/tmp",
	.share = "/lento", .payload = "payload.bin", .torrent = "/lento/payload.torrent",
	.infohash = "0123456789abcdef0123456789abcdef01234567", .tracker_ip = "198.18.0.1",
	.announce = "http://198.18.0.1:6969/announce", .peer = 12, .port = 6881,
	.tracker_port = 6969, .up_bps = 128000, .down_bps = 2000000,
};

static struct image *load(const char *name)
{
	struct image *image = NULL;
	struct err err = {0};

	if (image_load("images", name, &image, &err)) {
		fail_msg("%s", err.msg);
	}
	return image;
}

static char *expand(const char *text)
{
	char *out = NULL;
	struct err err = {0};

	if (image_expand(text, &vars, &out, &err)) {
		fail_msg("%s", err.msg);
	}
	return out;
}

static void expands(void **state)
{
	static const struct { const char *text, *out; } cases[] = {
		{"", ""}, {"plain", "plain"}, {"{ip}:{port}", "198.18.1.7:6881"},
		{"{name} {peer}", "leechers-7 12"}, {"{data}{log}{tmp}{share}", "/data/log/tmp/lento"},
		{"{data}/{payload}", "/data/payload.bin"}, {"{torrent}", "/lento/payload.torrent"},
		{"{infohash}", "0123456789abcdef0123456789abcdef01234567"},
		{"{tracker_ip}:{tracker_port}", "198.18.0.1:6969"},
		{"{announce}", "http://198.18.0.1:6969/announce"},
		{"{up_kBps}/{down_kBps}", "16/250"},
		{"{{ \"a\": {{}} }", "{ \"a\": {}} }"}, {"{{ip}", "{ip}"}, {"{{{ip}}", "{198.18.1.7}"},
		{"}", "}"},
	};
	struct image_vars slow = vars;
	char *out = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_FREE char *got = expand(cases[i].text);

		assert_string_equal(got, cases[i].out);
	}
	/* A slow link must not become "no limit", no limit must stay one. */
	slow.up_bps = 7999;
	slow.down_bps = 0;
	assert_int_equal(image_expand("{up_kBps} {down_kBps}", &slow, &out, NULL), 0);
	assert_string_equal(out, "1 0");
	free(out);
}

static void refuses(void **state)
{
	static const struct { const char *text, *why; } cases[] = {
		{"{ipp}", "did you mean \"ip\""}, {"{", "unknown variable \"\""},
		{"{ip", "unknown variable"}, {"{ ip}", "unknown variable"}, {"{}", "unknown variable"},
		{"{IP}", "unknown variable"}, {"{ip\n}", "unknown variable"},
	};
	struct image_vars none = vars;
	struct err err;
	char *out = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		err = (struct err){0};
		assert_int_equal(image_expand(cases[i].text, &vars, &out, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_non_null(strstr(err.msg, cases[i].why));
	}
	none.announce = NULL;
	assert_int_equal(image_expand("{announce}", &none, &out, &err), -1);
	assert_non_null(strstr(err.msg, "{announce} has no value"));
}

static void shipped(void **state)
{
	static const struct {
		const char *name;
		uint16_t port;
		bool roles[4];
	} want[] = {
		{"aria2", 6881, {[ROLE_SEED] = true, [ROLE_LEECH] = true}},
		{"ctorrent", 6881, {[ROLE_SEED] = true, [ROLE_LEECH] = true}},
		{"idle", 0, {[ROLE_NONE] = true}},
		{"opentracker", 6969, {[ROLE_TRACKER] = true}},
		{"transmission", 6881, {[ROLE_SEED] = true, [ROLE_LEECH] = true}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		struct image *image = load(want[i].name);

		assert_string_equal(image->name, want[i].name);
		assert_int_equal(image->port, want[i].port);
		assert_int_equal(image->ready, want[i].port ? READY_TCP_LISTEN : READY_STARTED);
		assert_int_equal(image->stop_signal, SIGTERM);
		assert_true(image->stop_grace_wns == INT64_C(5000000000));
		assert_true(image->ready_timeout_wns > 0);
		assert_non_null(image->packages[0]);
		assert_non_null(image->env);
		for (int role = 0; role < 4; role++) {
			char **argv = image->roles[role].argv;

			assert_int_equal(argv != NULL, want[i].roles[role]);
			for (char **a = argv; a && *a; a++) {
				CLEAN_FREE char *text = expand(*a);

				assert_non_null(text);
			}
			if (argv) {
				assert_string_equal(argv[0], image->program);
			}
		}
		image_destroy(image);
	}
}

/* Its settings are JSON with a variable in every brace: what comes out must parse. */
static void transmission_settings(void **state)
{
	struct image *image = load("transmission");
	static const char *const off[] = {
		"dht-enabled", "lpd-enabled", "pex-enabled", "utp-enabled", "port-forwarding-enabled",
		"rename-partial-files", "incomplete-dir-enabled", "trash-original-torrent-files",
		"ratio-limit-enabled", "peer-port-random-on-start",
	};

	(void)state;
	for (int role = ROLE_SEED; role <= ROLE_LEECH; role++) {
		CLEAN_FREE char *path = expand(image->roles[role].files[0].path),
				*text = expand(image->roles[role].files[0].content);
		json_t *json = json_loads(text, 0, NULL);

		assert_string_equal(path, "/tmp/transmission/settings.json");
		assert_non_null(json);
		for (size_t i = 0; i < ARRAY_LEN(off); i++) {
			assert_true(json_is_false(json_object_get(json, off[i])));
		}
		assert_string_equal(json_string_value(json_object_get(json, "bind-address-ipv4")),
				    vars.ip);
		assert_int_equal(json_integer_value(json_object_get(json, "peer-port")), 6881);
		assert_string_equal(json_string_value(json_object_get(json, "download-dir")), "/data");
		json_decref(json);
	}
	image_destroy(image);
}

static void lists(void **state)
{
	char **names = image_list("images"), **none = image_list("no-such-dir");

	(void)state;
	assert_null(none[0]);
	for (char **n = names; n[0] && n[1]; n++) {
		assert_true(strcmp(n[0], n[1]) < 0);
	}
	assert_string_equal(names[0], "aria2");
	texts_free(names);
	texts_free(none);
}

/* --- wrong image files ---------------------------------------------------- */

#define HEAD "description: x\npackages: [x]\nprogram: /bin/x\n"
#define LEECH "roles: {leech: {argv: [/bin/x]}}\n"

static void bad_images(void **state)
{
	static const struct { const char *text, *why; } cases[] = {
		{"", ":1:1: the file is empty"},
		{HEAD, ":1:1: an image needs the key \"roles\""},
		{HEAD "roles: {}\n", ":4:8: an image plays at least one role"},
		{HEAD "roles: {leecher: {argv: [/bin/x]}}\n", "(did you mean \"leech\"?)"},
		{HEAD "roles: {leech: {argv: []}}\n", ":4:23: \"argv\" begins with the absolute path"},
		{HEAD "roles: {leech: {argv: [x]}}\n", "begins with the absolute path"},
		{HEAD "roles: {leech: {argv: [/bin/x, \"{ipp}\"]}}\n", ":4:32: unknown variable \"ipp\""},
		{HEAD "roles: {leech: {args: [/bin/x]}}\n", "(did you mean \"argv\"?)"},
		{HEAD LEECH "port: 70000\n", ":5:7: \"70000\"; a whole number from 0 to 65535"},
		{HEAD LEECH "ready: {when: tcp-listen}\n", "needs a \"port\""},
		{HEAD LEECH "ready: {when: soon}\n", "allowed are started, tcp-listen"},
		{HEAD LEECH "ready: {when: started, timeout_wall: 3}\n", "the unit is missing"},
		{HEAD LEECH "stop: {signal: SIGTERM}\n", "allowed are TERM"},
		{HEAD LEECH "stop: {grace_wall: 2h}\n", "too long"},
		{HEAD LEECH "env: {A: [x]}\n", "a variable's value is a text"},
		{HEAD LEECH "env: {A: \"{x}\"}\n", "unknown variable \"x\""},
		{HEAD LEECH "env: {\"A=B\": x}\n", "has no \"=\""},
		{HEAD LEECH "color: red\n", "unknown key \"color\""},
		{"description: x\npackages: [x]\nprogram: x\n" LEECH, "a program is an absolute path"},
		{HEAD "roles: {leech: {argv: [/bin/x], files: [{path: /etc/passwd, content: x}]}}\n",
		 "below {tmp}/, {data}/ or {log}/"},
		{HEAD "roles: {leech: {argv: [/bin/x], files: [{path: \"{tmp}/../x\", content: x}]}}\n",
		 "below {tmp}/, {data}/ or {log}/"},
		{HEAD "roles: {leech: {argv: [/bin/x], files: [{path: \"{tmp}/x\"}]}}\n",
		 "a file needs the key \"content\""},
		{HEAD "roles: {leech: {argv: [/bin/x], files: [{path: \"{tmp}/x\", content: \"{\"}]}}\n",
		 "\"{{\" stands for \"{\""},
	};
	char dir[] = "/tmp/test_image.XXXXXX";
	CLEAN_FREE char *sub = NULL, *path = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	sub = str_format("%s/x", dir);
	path = str_format("%s/image.yaml", sub);
	assert_int_equal(mkdir(sub, 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct image *image = NULL;
		struct err err = {0};

		assert_int_equal(fs_write_atomic(path, cases[i].text, strlen(cases[i].text), &err), 0);
		assert_int_equal(image_load(dir, "x", &image, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		if (strncmp(err.msg, path, strlen(path)) != 0 || !strstr(err.msg, cases[i].why)) {
			fail_msg("%s\n  expected %s\n  found    %s", cases[i].text, cases[i].why,
				 err.msg);
		}
	}
	assert_int_equal(fs_remove_tree(dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expands), cmocka_unit_test(refuses), cmocka_unit_test(shipped),
		cmocka_unit_test(transmission_settings), cmocka_unit_test(lists),
		cmocka_unit_test(bad_images),
	};

	if (access("images/idle", F_OK) && chdir(fs_program_dir()) == 0 && chdir("../../..")) {
		perror("chdir");
		return 1;
	}
	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
