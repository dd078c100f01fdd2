/* test/unit/test_dns.c - questions byte by byte, answers that are cut, forged or crooked, and texts
 * that are none */
#include <string.h>

#include "core/check.h"
#include "probe/dns.h"
#include "test/unit/test.h"

static const char name[] = "1.0.0.10.origin.asn.cymru.com";
static const char text[] = "23028 | 10.0.0.0/24 | US | arin | 1998-09-25";
static uint8_t answer[DNS_BYTES_MAX];
static size_t answer_len, texts_at;

/* The question, marked as answered, and one TXT record whose name points at the question's. */
static void make_answer(uint16_t id)
{
	static const uint8_t record[] = { 0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60 };
	size_t len = dns_question(answer, id, name), n = strlen(text);

	answer[2] |= 0x80;
	answer[7] = 1;
	memcpy(answer + len, record, sizeof record);
	len += sizeof record;
	answer[len++] = 0;
	answer[len++] = (uint8_t)(n + 1);
	answer[len++] = (uint8_t)n;
	texts_at = len;
	memcpy(answer + len, text, n);
	answer_len = len + n;
}

static enum dns_verdict read_answer(struct dns_texts *t)
{
	return dns_answer(answer, answer_len, 0x1234, name, t);
}

static void a_question_has_these_bytes(void)
{
	uint8_t out[DNS_BYTES_MAX];

	CHECK_HEX(out, dns_question(out, 0x1234, "a.bc"),
		  "1234 0100 0001 0000 0000 0000 01 61 02 6263 00 0010 0001");
}

static void names_that_are_none_are_not_asked_for(void)
{
	uint8_t out[DNS_BYTES_MAX];
	char long_name[DNS_NAME_MAX + 2];

	CHECK_EQ(dns_question(out, 1, ""), 0);
	CHECK_EQ(dns_question(out, 1, ".a"), 0);
	CHECK_EQ(dns_question(out, 1, "a..b"), 0);
	memset(long_name, 'a', sizeof long_name);
	long_name[64] = 0;
	CHECK_EQ(dns_question(out, 1, long_name), 0);
	for (size_t i = 0; i < sizeof long_name; i++)
		long_name[i] = i % 2 ? '.' : 'a';
	long_name[DNS_NAME_MAX] = 0;
	CHECK_EQ(dns_question(out, 1, long_name), 0);
	long_name[DNS_NAME_MAX - 1] = 0;
	CHECK(dns_question(out, 1, long_name));
}

static void an_answer_gives_its_text(void)
{
	struct dns_texts t;

	make_answer(0x1234);
	CHECK_EQ(read_answer(&t), DNS_OK);
	CHECK_EQ(t.n, 1);
	CHECK_STR(t.text[0], text);
	answer[texts_at] = '\033';
	CHECK_EQ(read_answer(&t), DNS_OK);
	CHECK_EQ(t.text[0][0], '?');
}

static void what_does_not_answer_the_question_is_passed_over(void)
{
	struct dns_texts t;

	make_answer(0x1235);
	CHECK_EQ(read_answer(&t), DNS_NOT_OURS);
	make_answer(0x1234);
	answer[13] = '2'; /* another name */
	CHECK_EQ(read_answer(&t), DNS_NOT_OURS);
	make_answer(0x1234);
	answer[2] &= 0x7f; /* a question */
	CHECK_EQ(read_answer(&t), DNS_NOT_OURS);
	make_answer(0x1234);
	answer[5] = 0; /* that says for which question it is not */
	CHECK_EQ(read_answer(&t), DNS_NOT_OURS);
}

static void records_of_another_name_or_type_do_not_count(void)
{
	struct dns_texts t;
	size_t record;

	make_answer(0x1234);
	record = texts_at - 13;
	answer[record + 1] = 14; /* "0.0.10...": behind the first label */
	CHECK_EQ(read_answer(&t), DNS_NONE);
	answer[record + 1] = 12;
	answer[record + 3] = 5; /* CNAME */
	CHECK_EQ(read_answer(&t), DNS_NONE);
	answer[record + 1] = (uint8_t)record; /* a pointer to itself */
	CHECK_EQ(read_answer(&t), DNS_BAD);
}

static void refusals_have_their_verdicts(void)
{
	struct dns_texts t;

	make_answer(0x1234);
	answer[3] = 3;
	CHECK_EQ(read_answer(&t), DNS_NONE);
	answer[3] = 5;
	CHECK_EQ(read_answer(&t), DNS_REFUSED);
	answer[3] = 0;
	answer[2] |= 2;
	CHECK_EQ(read_answer(&t), DNS_TRUNCATED);
}

static void no_answer_that_is_cut_gives_a_text(void)
{
	struct dns_texts t;

	make_answer(0x1234);
	for (size_t len = answer_len; len--;) {
		enum dns_verdict v = dns_answer(answer, len, 0x1234, name, &t);

		CHECK(v == DNS_BAD || v == DNS_NOT_OURS);
	}
}

static void names_hold_the_address_backwards(void)
{
	char out[DNS_NAME_MAX];
	struct addr a;

	CHECK(addr_parse(&a, "10.0.0.1", 0));
	dns_origin_name(&a, out);
	CHECK_STR(out, name);
	CHECK(addr_parse(&a, "2001:db8::12", 0));
	dns_origin_name(&a, out);
	CHECK_STR(out, "2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
		       "origin6.asn.cymru.com");
}

static void texts_become_lines_of_a_table(void)
{
	static const char *const bad[] = {
		"", "|", "NA | 10.0.0.0/24", " | 10.0.0.0/24", "1 | 10.0.0.0", "1 | 10.0.0.0/",
		"1 | 10.0.0.0/x", "1 | 10.0.0.0/129", "1 | /24", "1 | host/24", "1 2",
	};
	char out[DNS_TEXT_MAX];

	CHECK(dns_origin_line(text, out));
	CHECK_STR(out, "10.0.0.0\t24\t23028\n");
	CHECK(dns_origin_line("1 23 | 2001:db8::/32 | US", out));
	CHECK_STR(out, "2001:db8::\t32\t1_23\n");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_EQ(dns_origin_line(bad[i], out), 0);
}

static void name_servers_are_found(void)
{
	static const char conf[] = "# nameserver 9.9.9.9\nsearch x\nnameserver 10.0.0.1\n"
				   "nameserver\t2001:db8::1\nnameserver fe80::1%eth0\n"
				   "nameservers 1.1.1.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3";
	struct addr v[DNS_SERVERS_MAX];
	char ip[ADDR_STR_MAX];

	CHECK_EQ(dns_servers(conf, sizeof conf - 1, v), 3);
	CHECK_STR(addr_format(&v[0], ip), "10.0.0.1:53");
	CHECK_STR(addr_format(&v[1], ip), "[2001:db8::1]:53");
	CHECK_STR(addr_format(&v[2], ip), "10.0.0.2:53");
	CHECK_EQ(dns_servers("nameserver", 10, v), 0);
	CHECK_EQ(dns_servers("nameserver 10.0.0.1", 19, v), 1);
}

TEST_MAIN_BEGIN
	RUN(a_question_has_these_bytes);
	RUN(names_that_are_none_are_not_asked_for);
	RUN(an_answer_gives_its_text);
	RUN(what_does_not_answer_the_question_is_passed_over);
	RUN(records_of_another_name_or_type_do_not_count);
	RUN(refusals_have_their_verdicts);
	RUN(no_answer_that_is_cut_gives_a_text);
	RUN(names_hold_the_address_backwards);
	RUN(texts_become_lines_of_a_table);
	RUN(name_servers_are_found);
TEST_MAIN_END
