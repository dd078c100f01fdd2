/* core/text.h - a peer's text, before it reaches a terminal or a file name */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stddef.h>

/* Bytes of the well-formed UTF-8 character at s (terminated), 0 when it is none or steers a
 * terminal: C0, DEL, and the C1 controls U+0080..U+009F (ECMA-48; RFC 3629 section 4). */
size_t text_visible(const char *s);

/* Every byte of s that is of no visible character becomes '?' (croc CVE-2023-43620). */
void text_escape(char *s);

#endif
