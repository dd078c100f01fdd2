/* core/text.h - a peer's text, before it reaches a terminal, a file name or JSON */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the UTF-8 character that begins the `left` bytes at s, and its code point; 0 when it is
 * not well-formed: cut off, overlong, a surrogate, above U+10FFFF (RFC 3629 section 4). */
size_t text_char(const char *s, size_t left, uint32_t *code);

/* Does it steer a terminal: C0, DEL, or the C1 controls U+0080..U+009F (ECMA-48)? */
bool text_steers(uint32_t code);

/* Bytes of the well-formed character at s (terminated) that steers nothing; 0: none is there. */
size_t text_visible(const char *s);

/* Every byte of s that is of no visible character becomes '?' (croc CVE-2023-43620). */
void text_escape(char *s);

#endif
