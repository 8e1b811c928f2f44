/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf/tcp.bpf.c as clang has compiled it, inside the program. */
	.section .rodata
	.global tcp_bpf_elf, tcp_bpf_elf_bytes
	.balign 8
tcp_bpf_elf:
	.incbin TCP_BPF_ELF
1:	.balign 8
tcp_bpf_elf_bytes:
	.quad 1b - tcp_bpf_elf
	.section .note.GNU-stack, "", @progbits
