#!/bin/sh
# test/sys/lint.sh - lint bites: a small tree that keeps every rule passes, and each way of breaking
# a rule turns that rule's line, and no other, into "not ok".
# This test may run beside others.
top=$(cd "$(dirname "$0")/../.." && pwd)
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
bad=0

# A good tree: a command that needs one core file.
good() {
	rm -rf "${tree:?}"/*
	mkdir -p "$tree/cmd" "$tree/core" "$tree/net" "$tree/tuple" "$tree/vendor" "$tree/test"
	cat >"$tree/Makefile" <<-'END'
	flags:
	END
	printf '\t@echo -std=c11 -I. -Wall -Wextra -Wmissing-prototypes\n' >>"$tree/Makefile"
	cat >"$tree/core/a.h" <<-'END'
	#ifndef A
	#define A
	int a(void);
	#endif
	END
	cat >"$tree/core/a.c" <<-'END'
	#include "core/a.h"

	#include <stddef.h>

	/* system("in a comment"); */
	int a(void)
	{
	END
	printf '\treturn "rand()" == NULL;\n}\n' >>"$tree/core/a.c"
	cat >"$tree/cmd/main.c" <<-'END'
	#include "core/a.h"

	int main(void)
	{
	END
	printf '\treturn a();\n}\n' >>"$tree/cmd/main.c"
}

check() {
	"$top/test/lint" "$tree" >"$tree/out" 2>&1
	got=$(sed -n 's/^not ok lint: //p' "$tree/out" | paste -sd ';')
	if [ "$got" = "$2" ]; then
		echo "ok lint-bites: $1"
	else
		grep -v '^ok' "$tree/out" | sed 's/^/# /'
		echo "not ok lint-bites: $1: found \"$got\", not \"$2\""
		bad=1
	fi
}

# breaks RULE FILE TEXT: the good tree with TEXT added at the end of FILE.
breaks() {
	good
	printf "$3" >>"$tree/$2"
	check "$1" "$1"
}

lines() {
	awk -v n="$1" -v t="$2" 'BEGIN { while (n--) print t }'
}

good
check 'a good tree passes' ''
breaks 'a function has at most 60 lines' core/a.c \
	"void f(void);\nvoid f(void)\n{\n$(lines 59 '\t;')\n}\n"
breaks 'a .c file has at most 500 lines' core/a.c "$(lines 500 '/* */')\n"
breaks 'a header has at most 160 lines' core/a.h "$(lines 160 '/* */')\n"
breaks 'the Makefile has at most 120 lines' Makefile "$(lines 120 '#')\n"
breaks 'a line has at most 100 columns' core/a.c "/* $(lines 12 12345678 | tr -d '\n') */\n"
breaks 'a line has at most 100 columns' core/a.c "/*\t\t\t\t\t\t\t\t\t\t\t\t12345*/\n"
breaks 'indentation is by tabs' core/a.h 'struct x {\n        int y;\n};\n'
breaks 'no line ends in white space' core/a.h '/* */ \n'
breaks 'nothing is left to do' core/a.h '/* TO''DO */\n'
breaks 'no banned function is called' core/a.c \
	'int atoi(const char *);\nint f(void);\nint f(void)\n{\n\treturn atoi("1");\n}\n'
breaks 'the product starts no program' core/a.c \
	'int execv(void);\nvoid f(void);\nvoid f(void)\n{\n\texecv();\n}\n'
breaks 'memory is allocated in cmd/ only' core/a.c \
	'void *malloc(size_t);\nvoid *f(void);\nvoid *f(void)\n{\n\treturn malloc(1);\n}\n'
breaks 'randomness comes from core/secret.c' core/a.c \
	'int getrandom(void);\nvoid f(void);\nvoid f(void)\n{\n\tgetrandom();\n}\n'
breaks 'every file is needed' core/b.c 'void f(void);\nvoid f(void)\n{\n}\n'
breaks 'every file is needed' core/b.h 'struct b;\n'

good
printf '#include "net/n.h"\n' >>"$tree/core/a.c"
printf 'struct n;\n' >"$tree/net/n.h"
check 'core does not include net' 'includes follow the arrows between the folders'
good
printf '#include "tuple/t.h"\n' >>"$tree/cmd/main.c"
printf '#include "net/n.h"\n' >"$tree/tuple/t.h"
printf 'struct n;\n' >"$tree/net/n.h"
check 'tuple does not include net' 'includes follow the arrows between the folders'
good
sed -i '1i #include <bearssl.h>' "$tree/cmd/main.c"
check 'cmd does not include BearSSL' 'libraries are included only where they may be'
good
sed -i '1i #include <libmnl/libmnl.h>' "$tree/cmd/main.c"
check 'cmd does not include libmnl' 'libraries are included only where they may be'
good
sed -i '1i #include <errno.h>' "$tree/core/a.c"
check 'the own header comes first' 'a file includes its own header first'
good
sed -i '1a #include <errno.h>' "$tree/cmd/main.c"
check 'the system comes before ours' 'the system is included before our own headers'
good
printf 'uint8_t x(void);\n' >>"$tree/core/a.h"
sed -i '1i #include <stdint.h>' "$tree/cmd/main.c"
sed -i 's/^#include "core.*//; s/^#include <std.*/#include <stdint.h>\n#include "core\/a.h"/' \
	"$tree/core/a.c"
"$top/test/lint" "$tree" >"$tree/out" 2>&1
if grep -q '^not ok lint: every header stands alone' "$tree/out"; then
	echo 'ok lint-bites: a header stands alone'
else
	echo 'not ok lint-bites: a header stands alone'
	bad=1
fi
good
printf 'void g(void)\n{\n}\n' >>"$tree/core/a.c"
check 'a warning is an error' 'everything compiles without warning'
exit $bad
