/* test/unit/test_ident.c - keys, fingerprints, signatures and ECDH against published vectors
 *
 * RFC 6979 A.2.5 (key, two signatures), RFC 5903 8.1 (ECDH). The fingerprint was computed with
 * openssl dgst -sha256 -binary POINT | base64 | tr +/ -_ | tr -d = */
#include "core/ident.h"
#include "core/secret.h"
#include "test/unit/test.h"

static const char rfc_x[] = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
static const char rfc_u[] = "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
			    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";
static const char rfc_text[] = "ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE\n";
static const char rfc_fp[] = "sYuGzhOJ5G3oeqSlExzoPBFg-jPAh6sVuGNXTTHY_zw";

static const char order[] = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";

static void unhex(uint8_t *out, const char *hex)
{
	unsigned v;

	for (; *hex && sscanf(hex, "%2x", &v) == 1; hex += 2)
		*out++ = (uint8_t)v;
}

static struct ident rfc_key(void)
{
	uint8_t x[PRIV_BYTES];
	struct ident id;

	unhex(x, rfc_x);
	memset(&id, 0, sizeof id);
	CHECK(ident_from_priv(&id, x));
	return id;
}

static void derives_the_public_key_of_rfc_6979(void)
{
	struct ident id = rfc_key();
	uint8_t u[PUB_BYTES];

	unhex(u, rfc_u);
	CHECK(!memcmp(id.pub, u, sizeof u));
}

static void fingerprint_agrees_with_openssl(void)
{
	struct ident id = rfc_key();
	char text[FP_STR_MAX];
	struct fp fp;

	fp_format(&id.fp, text);
	CHECK_STR(text, rfc_fp);
	CHECK(fp_of_pub(&fp, id.pub, sizeof id.pub));
	CHECK(fp_eq(&fp, &id.fp));
	CHECK(fp_parse(&fp, text));
	CHECK_EQ(fp_cmp(&fp, &id.fp), 0);
}

static void signs_as_rfc_6979_does(void)
{
	static const char sample[] =
		"3046022100EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
		"022100F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
	static const char test[] =
		"3045022100F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
		"0220019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083";
	struct ident id = rfc_key();
	uint8_t sig[SIG_BYTES_MAX], want[SIG_BYTES_MAX];

	unhex(want, sample);
	CHECK_EQ(ident_sign(&id, "sample", 6, sig), 72);
	CHECK(!memcmp(sig, want, 72));
	unhex(want, test);
	CHECK_EQ(ident_sign(&id, "test", 4, sig), 71);
	CHECK(!memcmp(sig, want, 71));
}

static void verifies_its_own_signature_and_no_changed_one(void)
{
	struct ident id = rfc_key(), other;
	uint8_t sig[SIG_BYTES_MAX];
	size_t n = ident_sign(&id, "sample", 6, sig);

	ident_new(&other);
	CHECK(ident_verify(id.pub, "sample", 6, sig, n));
	CHECK(!ident_verify(id.pub, "Sample", 6, sig, n));
	CHECK(!ident_verify(id.pub, "sample", 5, sig, n));
	CHECK(!ident_verify(other.pub, "sample", 6, sig, n));
	CHECK(!ident_verify(id.pub, "sample", 6, sig, n - 1));
	CHECK(!ident_verify(id.pub, "sample", 6, sig, 0));
	for (size_t i = 0; i < n; i += 7) {
		sig[i] ^= 1;
		CHECK(!ident_verify(id.pub, "sample", 6, sig, n));
		sig[i] ^= 1;
	}
}

static void shares_the_secret_of_rfc_5903(void)
{
	uint8_t i[32], r[32], want[32], a[32], b[32];
	struct ident ki, kr;

	unhex(i, "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433");
	unhex(r, "C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53");
	unhex(want, "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE");
	CHECK(ident_from_priv(&ki, i));
	CHECK(ident_from_priv(&kr, r));
	CHECK(ident_ecdh(&ki, kr.pub, a));
	CHECK(ident_ecdh(&kr, ki.pub, b));
	CHECK(!memcmp(a, want, 32));
	CHECK(!memcmp(b, want, 32));
}

static void refuses_points_off_the_curve(void)
{
	struct ident id = rfc_key();
	uint8_t bad[PUB_BYTES], out[32], sig[SIG_BYTES_MAX];
	size_t n = ident_sign(&id, "sample", 6, sig);
	struct fp fp;

	memcpy(bad, id.pub, sizeof bad);
	bad[64] ^= 1;
	CHECK(!fp_of_pub(&fp, bad, sizeof bad));
	CHECK(!ident_ecdh(&id, bad, out));
	CHECK(!ident_verify(bad, "sample", 6, sig, n));
	memset(bad, 0, sizeof bad);
	CHECK(!fp_of_pub(&fp, bad, sizeof bad));
	CHECK(!ident_ecdh(&id, bad, out));
	memcpy(bad, id.pub, sizeof bad);
	bad[0] = 6; /* the hybrid form, which RFC 5480 forbids */
	CHECK(!fp_of_pub(&fp, bad, sizeof bad));
	CHECK(!fp_of_pub(&fp, id.pub, sizeof id.pub - 1));
}

static void refuses_scalars_outside_the_group(void)
{
	uint8_t x[PRIV_BYTES];
	struct ident id;

	memset(x, 0, sizeof x);
	CHECK(!ident_from_priv(&id, x));
	x[31] = 1;
	CHECK(ident_from_priv(&id, x));
	unhex(x, order);
	CHECK(!ident_from_priv(&id, x));
	x[31]--;
	CHECK(ident_from_priv(&id, x));
	x[31] += 2;
	CHECK(!ident_from_priv(&id, x));
	memset(x, 0xff, sizeof x);
	CHECK(!ident_from_priv(&id, x));
}

static void key_text_goes_out_and_comes_back(void)
{
	struct ident id = rfc_key(), back;
	char text[KEY_TEXT_MAX];

	ident_format(&id, text);
	CHECK_STR(text, rfc_text);
	CHECK(ident_parse(&back, text, strlen(text)));
	CHECK(!memcmp(&back, &id, sizeof id));
	CHECK(ident_parse(&back, text, strlen(text) - 1));
}

static void refuses_key_texts_that_are_not_canonical(void)
{
	static const char *const bad[] = {
		"", "\n", "ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZy",
		"ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyF\n", /* low bits of the last one */
		"ya+p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE\n", /* base64, not base64url */
		"ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE=\n",
		"ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE\n\n",
		" ya-p2EW6dRZrXCFXZ7HWk05Qw9s26JsSe4piKxIPZyE",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"__________________________________________8\n",
	};
	struct ident id;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(!ident_parse(&id, bad[i], strlen(bad[i])));
}

static void fingerprints_refuse_what_is_not_theirs(void)
{
	struct fp fp;

	CHECK(fp_parse(&fp, rfc_fp));
	CHECK(!fp_parse(&fp, ""));
	CHECK(!fp_parse(&fp, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"));
	CHECK(!fp_parse(&fp, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"));
	CHECK(!fp_parse(&fp, "AAAAAAAAAAAAAAAAAAAA\xff" "AAAAAAAAAAAAAAAAAAAAAA"));
}

static void new_fingerprints_never_look_like_options(void)
{
	struct ident id, last = { 0 };
	char text[FP_STR_MAX];

	for (int i = 0; i < 100; i++) {
		ident_new(&id);
		fp_format(&id.fp, text);
		CHECK(text[0] != '-' && text[0] != '_');
		CHECK(!fp_eq(&id.fp, &last.fp));
		last = id;
	}
	ident_wipe(&id);
	memset(&last, 0, sizeof last);
	CHECK(!memcmp(&id, &last, sizeof id));
}

TEST_MAIN_BEGIN
	RUN(derives_the_public_key_of_rfc_6979);
	RUN(fingerprint_agrees_with_openssl);
	RUN(signs_as_rfc_6979_does);
	RUN(verifies_its_own_signature_and_no_changed_one);
	RUN(shares_the_secret_of_rfc_5903);
	RUN(refuses_points_off_the_curve);
	RUN(refuses_scalars_outside_the_group);
	RUN(key_text_goes_out_and_comes_back);
	RUN(refuses_key_texts_that_are_not_canonical);
	RUN(fingerprints_refuse_what_is_not_theirs);
	RUN(new_fingerprints_never_look_like_options);
TEST_MAIN_END
