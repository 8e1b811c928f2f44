/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LENTO_VERSION_H
#define LENTO_VERSION_H

#define LENTO_VERSION "0.1.0"

#endif
