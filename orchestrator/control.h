/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control - requests to a run that is going on: "lento ps", "set", "pause", ...
 *
 * A stream socket in the run's directory, for root alone.  A client sends one
 * JSON object on one line and reads one JSON object until the end of the stream.
 *
 *	{"do": "status"}               -> {"ok": true, ...}
 *	{"do": "peers"}                -> {"ok": true, "peers": [...]}
 *	{"do": "set", "tdf": "5"}  {"do": "pause"}  {"do": "resume"}  {"do": "stop"}
 *	any failure                    -> {"ok": false, "error": "..."}
 *
 * A client that is slow, silent or talks nonsense costs its own connection only.
 */
#ifndef LENTO_CONTROL_H
#define LENTO_CONTROL_H

#include <jansson.h>

#include "base/err.h"
#include "state.h"

struct run;
struct control;

/* --- in the run ------------------------------------------------------------- */

int control_listen(struct run *run, struct control **control, struct err *err);
void control_destroy(struct control *control);
int control_fd(const struct control *control); /* an epoll descriptor */
/* Deal with what is waiting; never blocks. */
void control_serve(struct control *control);

/* --- in the other commands ---------------------------------------------------- */

/*
 * Send @request (stolen) to the run and wait at most 10 s for the answer.  The
 * caller owns *reply (json_decref).  -1 also when the run answered "ok": false.
 */
int control_call(const struct state *state, json_t *request, json_t **reply, struct err *err);

#endif
