/* test/unit/test_cluster.c - the cluster file: what it takes and refuses, and with which words */
#include "core/cluster.h"
#include "test/unit/test.h"

#define FP_A "ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE"
#define FP_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
#define FP_C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA"
#define FP_D "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDA"
#define FP_E "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEA"

static const char good[] = "faults 1\n"
			   "replica 192.0.2.1:7100 " FP_A "\n"
			   "replica 192.0.2.2:7100 " FP_B "\n"
			   "replica [2001:db8::3]:7101 " FP_C "\n"
			   "replica 192.0.2.1:7101 " FP_D "\n"
			   "admin " FP_E "\n";

static const char *parse_error(const char *text)
{
	static char err[200];
	struct cluster c;

	err[0] = 0;
	if (cluster_parse(&c, text, strlen(text), err, sizeof err))
		return "no error";
	return err;
}

static void a_file_goes_in_and_comes_out(void)
{
	char out[CLUSTER_TEXT_MAX], err[200];
	struct cluster c;

	CHECK(cluster_parse(&c, good, strlen(good), err, sizeof err));
	CHECK_EQ(c.faults, 1);
	CHECK_EQ(c.n, 4);
	CHECK_EQ(c.admins, 1);
	CHECK_EQ(c.replica[2].addr.port, 7101);
	CHECK_EQ(cluster_format(&c, out, sizeof out), strlen(good));
	CHECK_STR(out, good);
	CHECK_EQ(cluster_format(&c, out, strlen(good) + 1), strlen(good));
	CHECK_EQ(cluster_format(&c, out, strlen(good)), 0);
}

static void blanks_comments_and_a_missing_last_newline_are_fine(void)
{
	static const char text[] = "# the overlay of the example\r\n\n"
				   "admin\t " FP_E "  # Eve, of all people\r\n"
				   "  replica 192.0.2.1:7100 " FP_A " \n"
				   "faults 0";

	CHECK_STR(parse_error(text), "no error");
}

static void finds_replicas_and_admins_by_their_key(void)
{
	struct cluster c;
	char err[200];
	struct fp fp;

	CHECK(cluster_parse(&c, good, strlen(good), err, sizeof err));
	CHECK(fp_parse(&fp, FP_C));
	CHECK_EQ(cluster_find(&c, &fp), 2);
	CHECK(!cluster_is_admin(&c, &fp));
	CHECK(fp_parse(&fp, FP_E));
	CHECK_EQ(cluster_find(&c, &fp), -1);
	CHECK(cluster_is_admin(&c, &fp));
}

static void the_id_depends_on_meaning_not_on_layout(void)
{
	uint8_t a[32], b[32], x[32];
	char text[CLUSTER_TEXT_MAX], err[200];
	struct cluster c;

	CHECK(cluster_parse(&c, good, strlen(good), err, sizeof err));
	cluster_id(&c, a);
	snprintf(text, sizeof text, "# comment\n%s\n\n", good);
	CHECK(cluster_parse(&c, text, strlen(text), err, sizeof err));
	cluster_id(&c, b);
	CHECK(!memcmp(a, b, 32));
	c.replica[0].addr.port++; /* a replica moves: the same cluster */
	cluster_id(&c, x);
	CHECK(!memcmp(a, x, 32));
	c.admin[0].b[0] ^= 1;
	cluster_id(&c, x);
	CHECK(memcmp(a, x, 32));
}

static void the_same_means_every_line(void)
{
	struct cluster a, b;
	char err[200];

	CHECK(cluster_parse(&a, good, strlen(good), err, sizeof err));
	CHECK(cluster_parse(&b, good, strlen(good), err, sizeof err));
	CHECK(cluster_same(&a, &b));
	b.replica[3].addr.port++;
	CHECK(!cluster_same(&a, &b));
	b = a;
	b.replica[2].fp.b[31] ^= 1;
	CHECK(!cluster_same(&a, &b));
	b = a;
	b.admin[0].b[0] ^= 1;
	CHECK(!cluster_same(&a, &b));
	b = a;
	b.admins++;
	CHECK(!cluster_same(&a, &b));
}

static void errors_name_the_line(void)
{
	CHECK_STR(parse_error("faults 1\nnode x\n"),
		  "line 2: \"node\" is none of faults, replica, admin");
	CHECK_STR(parse_error("faults 5\n"), "line 1: faults is a number from 0 to 4, not \"5\"");
	CHECK_STR(parse_error("faults 1\nfaults 1\n"), "line 2: a second line \"faults\"");
	CHECK_STR(parse_error("faults\n"), "line 1: faults is followed by a number");
	CHECK_STR(parse_error("\nreplica 192.0.2.1:1 " FP_A " x\n"),
		  "line 2: replica is followed by ADDRESS:PORT and a fingerprint");
	CHECK_STR(parse_error("replica 192.0.2.1 " FP_A),
		  "line 1: \"192.0.2.1\" is no ADDRESS:PORT");
	CHECK_STR(parse_error("replica host:7100 " FP_A),
		  "line 1: \"host:7100\" is no ADDRESS:PORT");
	CHECK_STR(parse_error("replica 0.0.0.0:7100 " FP_A),
		  "line 1: no replica can be reached at the unspecified address 0.0.0.0:7100");
	CHECK_STR(parse_error("replica 192.0.2.1:7100 abc"),
		  "line 1: \"abc\" is no fingerprint (43 characters)");
}

static void refuses_doubles(void)
{
	CHECK_STR(parse_error("replica 192.0.2.1:7100 " FP_A "\nreplica 192.0.2.1:7100 " FP_B),
		  "line 2: address 192.0.2.1:7100 stands twice");
	CHECK_STR(
	    parse_error("replica 192.0.2.1:7100 " FP_A "\nreplica [::ffff:192.0.2.1]:7100 " FP_B),
	    "line 2: address [::ffff:192.0.2.1]:7100 stands twice");
	CHECK_STR(parse_error("replica 192.0.2.1:7100 " FP_A "\nreplica 192.0.2.2:7100 " FP_A),
		  "line 2: fingerprint " FP_A " stands twice");
	CHECK_STR(parse_error("admin " FP_A "\nreplica 192.0.2.2:7100 " FP_A),
		  "line 2: fingerprint " FP_A " stands twice");
}

static void refuses_files_that_are_not_complete(void)
{
	CHECK_STR(parse_error(""), "the file ends without a line \"faults\"");
	CHECK_STR(parse_error("faults 1\nadmin " FP_E "\nreplica 192.0.2.1:7100 " FP_A "\n"),
		  "line 3: the file ends after 1 replicas; faults 1 needs 4");
	CHECK_STR(parse_error("faults 0\nreplica 192.0.2.1:7100 " FP_A "\n"),
		  "line 2: the file ends without a line \"admin\"");
}

static void refuses_what_is_too_much(void)
{
	char text[CLUSTER_TEXT_MAX + 2], err[200];
	struct cluster c;
	size_t at = 0;

	memset(text, ' ', sizeof text);
	CHECK(!cluster_parse(&c, text, sizeof text, err, sizeof err));
	CHECK_STR(err, "the file is longer than 4096 bytes");
	CHECK(!cluster_parse(&c, text, 1000, err, sizeof err));
	CHECK_STR(err, "line 1: longer than 159 characters");
	CHECK(!cluster_parse(&c, "fau\0lts 1", 9, err, sizeof err));
	CHECK_STR(err, "line 1: a NUL byte");
	for (int i = 0; i < ADMINS_MAX + 1; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "admin %c%s\n", 'G' + i,
				       &FP_A[1]);
	CHECK(!cluster_parse(&c, text, at, err, sizeof err));
	CHECK_STR(err, "line 9: more than 8 admins");
	at = 0;
	for (int i = 0; i < REPLICAS_MAX + 1; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "replica 192.0.2.1:%d %c%s\n",
				       7100 + i, 'G' + i, &FP_A[1]);
	CHECK(!cluster_parse(&c, text, at, err, sizeof err));
	CHECK_STR(err, "line 14: more than 13 replicas");
}

TEST_MAIN_BEGIN
	RUN(a_file_goes_in_and_comes_out);
	RUN(blanks_comments_and_a_missing_last_newline_are_fine);
	RUN(finds_replicas_and_admins_by_their_key);
	RUN(the_id_depends_on_meaning_not_on_layout);
	RUN(the_same_means_every_line);
	RUN(errors_name_the_line);
	RUN(refuses_doubles);
	RUN(refuses_files_that_are_not_complete);
	RUN(refuses_what_is_too_much);
TEST_MAIN_END
