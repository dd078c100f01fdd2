/* test/fuzz/fuzz_mptcp.c - messages of the kernel's MPTCP path manager: families, endpoints, events
 */
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"
#include "net/mptcp_pm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is all behind a netlink header, whose length is right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *nlh = malloc(sizeof *nlh + size);
	struct mptcp_endpoint endpoint;
	struct mptcp_event event;
	struct mptcp_pm pm;

	MUST(nlh);
	*nlh = (struct nlmsghdr){ .nlmsg_len = (uint32_t)(sizeof *nlh + size) };
	memcpy(nlh + 1, data, size);
	mptcp_pm_get_family(&pm, nlh);
	mptcp_pm_get_endpoint(&endpoint, nlh);
	if (mptcp_pm_get_event(&event, nlh))
		MUST(event.error <= UINT8_MAX);
	free(nlh);
	return 0;
}
