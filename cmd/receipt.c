/* cmd/receipt.c - what a transfer was: the last object of `send --json`, and a table for people */
#include "cmd/receipt.h"

#include <stdio.h>
#include <string.h>

#include "cmd/report.h"

#define KERNEL_SPLIT \
	"none, the kernel chose the split: one path may have carried everything"

const char *receipt_bytes(uint64_t n, char out[static 24])
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = (double)n;
	int u = 0;

	for (; v >= 1024 && u < 5; u++)
		v /= 1024;
	snprintf(out, 24, u ? "%.1f %s" : "%.0f %s", v, unit[u]);
	return out;
}

static uint64_t all_bytes(const struct receipt *r)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < r->n; i++)
		sum += r->path[i].bytes;
	return sum;
}

static double share(const struct receipt *r, uint32_t i)
{
	uint64_t all = all_bytes(r);

	return all ? (double)r->path[i].bytes / (double)all : 0;
}

static double max_share(const struct receipt *r)
{
	double max = 0;

	for (uint32_t i = 0; i < r->n; i++)
		max = share(r, i) > max ? share(r, i) : max;
	return max;
}

static const char *path_name(const struct path *p)
{
	return p->node.name[0] ? p->node.name : "direct";
}

static const char *file_name(const struct receipt *r, uint32_t i)
{
	if (r->final_name && r->final_name[i])
		return r->final_name[i];
	return source_called(r->source, i);
}

static void put_files(struct json *j, const struct receipt *r)
{
	uint32_t files = r->source->files;

	json_open(j, "files", '[');
	for (uint32_t i = 0; i < files && i < RECEIPT_FILES_MAX; i++) {
		json_open(j, NULL, '{');
		json_str(j, "name", file_name(r, i));
		json_u64(j, "bytes", r->source->sizes[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
	if (files > RECEIPT_FILES_MAX)
		json_u64(j, "files_more", files - RECEIPT_FILES_MAX);
}

static void put_as(struct json *j, const char *key, const uint32_t *as, uint32_t n)
{
	json_open(j, key, '[');
	for (uint32_t i = 0; i < n; i++)
		json_u64(j, NULL, as[i]);
	json_close(j, ']');
}

/* What the plan says about who sees how much; nothing where no AS is known. */
static void put_choice(struct json *j, const struct receipt *r)
{
	const struct choice *c = r->choice;

	if (c->max_as) {
		json_open(j, "max_as", '{');
		json_u64(j, "as", c->max_as);
		json_dbl(j, "share", c->max_as_share, 4);
		json_close(j, '}');
	}
	put_as(j, "unavoidable_as", c->unavoidable, c->unavoidable_n);
	json_str(j, "guarantee", r->kernel ? KERNEL_SPLIT : c->guarantee);
	json_dbl(j, "p_all", c->p_all, 9);
	json_u64(j, "kappa", c->kappa);
	json_u64(j, "kappa_rest", c->kappa_rest);
	json_u64(j, "gaps", c->basis.gaps);
	json_u64(j, "untraced", c->basis.untraced);
	json_i64(j, "trace_age_s", c->basis.trace_age_s);
	json_i64(j, "table_age_days", c->basis.table_age_days);
}

static void put_paths(struct json *j, const struct receipt *r)
{
	char text[ADDR_STR_MAX];

	json_open(j, "paths", '[');
	for (uint32_t i = 0; i < r->n; i++) {
		const struct path *p = r->path[i].path;

		json_open(j, NULL, '{');
		json_str(j, "node", path_name(p));
		json_str(j, "forward", p->kind);
		json_str(j, "local", addr_format_ip(&r->path[i].local, text));
		json_u64(j, "bytes", r->path[i].bytes);
		json_dbl(j, "share", share(r, i), 4);
		json_dbl(j, "rtt_ms", p->rtt_us / 1000.0, 3);
		put_as(j, "as", r->choice->as[i], r->choice->as_n[i]);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void print_json(const struct receipt *r)
{
	struct json *j = report_begin("done");
	char sid[2 * SID_BYTES + 1];

	for (int i = 0; i < SID_BYTES; i++)
		snprintf(sid + 2 * i, 3, "%02x", r->sid[i]);
	json_str(j, "session", sid);
	put_files(j, r);
	json_u64(j, "bytes", r->bytes);
	json_dbl(j, "seconds", r->seconds, 3);
	json_dbl(j, "setup_ms", r->setup_ms, 1);
	json_dbl(j, "teardown_ms", r->teardown_ms, 1);
	json_str(j, "transport", r->kernel ? "mptcp" : "flows");
	json_str(j, "scheduler", r->scheduler);
	json_str(j, "split", r->kernel ? "kernel" : "split");
	put_paths(j, r);
	json_dbl(j, "max_path_share", max_share(r), 4);
	put_choice(j, r);
	report_end(j);
}

static void print_names(FILE *f, const char *before, const struct receipt *r)
{
	char safe[CONTENT_NAME_MAX + 1], was[CONTENT_NAME_MAX + 1];

	for (uint32_t i = 0; r->final_name && i < r->source->files; i++)
		if (r->final_name[i])
			fprintf(f, "%sstored as %s, not %s\n", before,
				report_safe(r->final_name[i], safe, sizeof safe),
				report_safe(source_called(r->source, i), was, sizeof was));
}

static void print_table(const struct receipt *r)
{
	char a[24], b[24];

	print_names(stdout, "", r);
	printf("%u file%s, %s in %.2f s, %s/s; set up in %.0f ms; %s over %u path%s\n",
	       r->source->files, r->source->files == 1 ? "" : "s", receipt_bytes(r->bytes, a),
	       r->seconds,
	       receipt_bytes(r->seconds > 0 ? (uint64_t)((double)r->bytes / r->seconds) : 0, b),
	       r->setup_ms, r->scheduler, r->n, r->n == 1 ? "" : "s");
	printf("  %-20s %-8s %12s %7s %10s\n", "node", "forward", "bytes", "share", "rtt");
	for (uint32_t i = 0; i < r->n; i++)
		printf("  %-20s %-8s %12llu %6.1f%% %7.1f ms\n", path_name(r->path[i].path),
		       r->path[i].path->kind, (unsigned long long)r->path[i].bytes,
		       100 * share(r, i), r->path[i].path->rtt_us / 1000.0);
	printf("guarantee: %s%s\n", r->kernel ? KERNEL_SPLIT : r->choice->guarantee,
	       !r->kernel && !r->choice->max_as && r->choice->basis.table_age_days < 0
		       ? "; `machete asn import` makes them known" : "");
}

void receipt_print(const struct common *c, const struct receipt *r)
{
	if (c->json)
		print_json(r);
	else if (!c->quiet)
		print_table(r);
	else
		print_names(stderr, "machete: warning: ", r);
}

void receipt_kernel(struct receipt *r, struct kflow *f)
{
	kflow_count(f);
	r->kernel = true;
	r->n = f->k.n;
	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t at = f->order[i];

		f->k.set[0].path[i].rtt_us = f->conn.sub[at].rtt_us;
		r->path[i].path = &f->k.set[0].path[i];
		r->path[i].bytes = f->conn.sub[at].sent_bytes;
		r->path[i].local = f->conn.sub[at].local;
	}
}
