// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clean.h"
#include "base/nearest.h"
#include "topo/alloc.h"
#include "topo/image.h"
#include "topo/tree.h"

#define NUMBER_BYTES 24

/* A client that takes whole kB/s must not read a slow link as "no limit". */
static uint64_t kilobytes(uint64_t bps)
{
	return bps > 0 && bps < 8000 ? 1 : bps / 8000;
}

static const char *number(uint64_t v, char buf[NUMBER_BYTES])
{
	snprintf(buf, NUMBER_BYTES, "%" PRIu64, v);
	return buf;
}

enum var {
	VAR_IP, VAR_PORT, VAR_NAME, VAR_PEER, VAR_DATA, VAR_LOG, VAR_TMP, VAR_SHARE, VAR_PAYLOAD,
	VAR_TORRENT, VAR_INFOHASH, VAR_TRACKER_IP, VAR_TRACKER_PORT, VAR_ANNOUNCE, VAR_UP,
	VAR_DOWN, VAR_COUNT,
};

static const char *const var_names[VAR_COUNT + 1] = {
	[VAR_IP] = "ip", [VAR_PORT] = "port", [VAR_NAME] = "name", [VAR_PEER] = "peer",
	[VAR_DATA] = "data", [VAR_LOG] = "log", [VAR_TMP] = "tmp", [VAR_SHARE] = "share",
	[VAR_PAYLOAD] = "payload", [VAR_TORRENT] = "torrent", [VAR_INFOHASH] = "infohash",
	[VAR_TRACKER_IP] = "tracker_ip", [VAR_TRACKER_PORT] = "tracker_port",
	[VAR_ANNOUNCE] = "announce", [VAR_UP] = "up_kBps", [VAR_DOWN] = "down_kBps",
};

/* NULL where this peer has no such value (no tracker, no payload). */
static const char *value_of(enum var var, const struct image_vars *v, char buf[NUMBER_BYTES])
{
	switch (var) {
	case VAR_IP:
		return v->ip;
	case VAR_PORT:
		return number(v->port, buf);
	case VAR_NAME:
		return v->name;
	case VAR_PEER:
		return number(v->peer, buf);
	case VAR_DATA:
		return v->data;
	case VAR_LOG:
		return v->log;
	case VAR_TMP:
		return v->tmp;
	case VAR_SHARE:
		return v->share;
	case VAR_PAYLOAD:
		return v->payload;
	case VAR_TORRENT:
		return v->torrent;
	case VAR_INFOHASH:
		return v->infohash;
	case VAR_TRACKER_IP:
		return v->tracker_ip;
	case VAR_TRACKER_PORT:
		return number(v->tracker_port, buf);
	case VAR_ANNOUNCE:
		return v->announce;
	case VAR_UP:
		return number(kilobytes(v->up_bps), buf);
	case VAR_DOWN:
		return number(kilobytes(v->down_bps), buf);
	case VAR_COUNT:
		break;
	}
	return NULL;
}

/* The variable that @text (behind its brace) begins with, or VAR_COUNT. */
static enum var find_var(const char *text, size_t len)
{
	enum var var = 0;

	while (var < VAR_COUNT &&
	       (strlen(var_names[var]) != len || strncmp(var_names[var], text, len) != 0)) {
		var++;
	}
	return var;
}

static int fail_var(const char *text, size_t len, struct err *err)
{
	char word[NODE_SHOW_BYTES], shown[NODE_SHOW_BYTES];
	const char *near;

	snprintf(word, sizeof(word), "%.*s", (int)len, text);
	near = nearest_name(word, var_names);
	return err_set(err, ERR_USAGE, "unknown variable %s in braces%s%s%s; \"{{\" stands for \"{\"",
		       text_show(word, shown), near ? " (did you mean \"" : "", near ? near : "",
		       near ? "\"?)" : "");
}

int image_expand(const char *text, const struct image_vars *vars, char **out, struct err *err)
{
	CLEAN_FREE char *buf = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&buf, &len);

	if (!f) {
		abort();
	}
	while (*text) {
		size_t plain = strcspn(text, "{"), name;
		char digits[NUMBER_BYTES];
		const char *value;
		enum var var;

		fwrite(text, 1, plain, f);
		text += plain;
		if (*text == '\0') {
			break;
		}
		text++;
		if (*text == '{') {
			fputc(*text++, f);
			continue;
		}
		name = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
		var = text[name] == '}' ? find_var(text, name) : VAR_COUNT;
		if (var == VAR_COUNT) {
			fclose(f);
			return fail_var(text, name, err);
		}
		value = value_of(var, vars, digits);
		if (!value) {
			fclose(f);
			return err_set(err, ERR_USAGE, "the variable {%s} has no value for this peer",
				       var_names[var]);
		}
		fputs(value, f);
		text += name + 1;
	}
	if (fclose(f)) {
		abort();
	}
	*out = take_ptr(buf);
	return 0;
}
