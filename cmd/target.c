/* cmd/target.c - HOST[:PORT] and --local of the probing commands */
#include "cmd/target.h"

#include <errno.h>

#include "cmd/report.h"
#include "net/sock.h"

enum { ADDRS_MAX = 16 }; /* of one name; more are not looked at */

int target_resolve(const struct common *c, const char *host, const struct addr *from,
		   struct addr *to)
{
	static const struct addr nobody;
	bool any = addr_same_ip(from, &nobody);
	struct addr found[ADDRS_MAX];
	int n = sock_resolve(host, TARGET_PORT, found, ADDRS_MAX);

	if (n == -EINVAL)
		return report_error(c, EXIT_USAGE, sock_advice(n), host, "not HOST or HOST:PORT");
	if (n < 0)
		return report_error(c, EXIT_UNREACHABLE, "give an address, `machete status` has "
				    "those of nodes and devices, or mend /etc/resolv.conf", host,
				    "the name has no address");
	for (int i = 0; i < n; i++)
		if (any || addr_is_v4(&found[i]) == addr_is_v4(from)) {
			*to = found[i];
			return EXIT_OK;
		}
	return report_error(c, EXIT_UNREACHABLE, "choose another --local", host,
			    "no address of the family of --local");
}

int target_local(const struct common *c, const char *text, struct addr *from)
{
	*from = (struct addr){ .port = 0 };
	if (!text || addr_parse(from, text, 0))
		return EXIT_OK;
	return report_error(c, EXIT_USAGE, "give one of this machine's addresses", text,
			    "not an IP address");
}
