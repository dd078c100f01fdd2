/* net/icmp.c - probes with a TTL, and the ICMP errors that they provoke */
#include "net/icmp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>

static int family(const struct addr *a)
{
	return addr_is_v4(a) ? AF_INET : AF_INET6;
}

static int set_int(int fd, int level, int name, int val)
{
	return setsockopt(fd, level, name, &val, sizeof val) ? -errno : 0;
}

/* A socket bound to the device, which works without privilege since Linux 5.7. */
static int open_socket(int fam, int type, int proto, const char *device)
{
	int fd = socket(fam, type | SOCK_CLOEXEC | SOCK_NONBLOCK, proto);
	int ret;

	if (fd < 0)
		return -errno;
	if (!device || !*device)
		return fd;
	if (!setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

static int bind_to(int fd, const struct addr *a)
{
	struct sockaddr_storage ss;

	return bind(fd, (struct sockaddr *)&ss, addr_to_sockaddr(a, &ss)) ? -errno : 0;
}

static int connect_to(int fd, const struct addr *a)
{
	struct sockaddr_storage ss;

	return connect(fd, (struct sockaddr *)&ss, addr_to_sockaddr(a, &ss)) ? -errno : 0;
}

static int local_name(int fd, struct addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return -errno;
	return addr_from_sockaddr(a, (struct sockaddr *)&ss) ? 0 : -EAFNOSUPPORT;
}

int icmp_source(const struct addr *to, const char *device, struct addr *src)
{
	int fd = open_socket(family(to), SOCK_DGRAM, 0, device);
	struct addr at = *to;
	int ret;

	if (fd < 0)
		return fd;
	at.port = at.port ? at.port : 9; /* connect(2) of a datagram socket only looks up a route */
	ret = connect_to(fd, &at);
	if (!ret)
		ret = local_name(fd, src);
	src->port = 0;
	close(fd);
	return ret;
}

/* Only what quotes a packet to dst: many traces at once would else wake each other for every
 * answer. X becomes the length of what stands before the ICMP head (IPv4) or the quote (IPv6, where
 * raw sockets give no IP header); then words of the quoted destination:
 *
 *	IPv4: ldx 4*([0]&0xf); A = word[X + 8 + 16]
 *	IPv6: ldx #8; A = word[X + 24 + 4i]
 *	jne dst, drop; ...; ret whole; drop: ret 0 */
static int filter_quotes(int fd, const struct addr *dst)
{
	bool v4 = addr_is_v4(dst);
	uint32_t words = v4 ? 1 : 4;
	struct sock_filter code[1 + 2 * 4 + 2];
	struct sock_fprog prog = { .filter = code };
	unsigned short n = 0;

	code[n++] = v4 ? (struct sock_filter)BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0)
		       : (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 8);
	for (uint32_t i = 0; i < words; i++) {
		const uint8_t *p = dst->ip + (v4 ? 12 : 4 * i);
		uint32_t word = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
				(uint32_t)p[2] << 8 | p[3];
		uint8_t to_drop = (uint8_t)(2 * (words - i) - 1);

		code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_IND,
							  (v4 ? 8 + 16 : 24) + 4 * i);
		code[n++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word, 0, to_drop);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	prog.len = n;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof prog) ? -errno : 0;
}

/* Only errors, so that other traffic does not wake us. */
static int filter_types(int fd, bool v4)
{
	struct icmp_filter f4 = { .data = ~(1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED) };
	struct icmp6_filter f6;

	if (v4)
		return setsockopt(fd, SOL_RAW, ICMP_FILTER, &f4, sizeof f4) ? -errno : 0;
	memset(&f6, 0xff, sizeof f6); /* a set bit blocks its type (RFC 3542, 3.2) */
	f6.data[0] &= ~(1u << ICMPV6_DEST_UNREACH | 1u << ICMPV6_TIME_EXCEED);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, &f6, sizeof f6) ? -errno : 0;
}

static int open_reserve(struct icmp_raw *r, struct addr *src, const char *device)
{
	int ret;

	r->reserve = open_socket(family(src), SOCK_STREAM, 0, device);
	if (r->reserve < 0)
		return r->reserve;
	ret = bind_to(r->reserve, src);
	return ret ? ret : local_name(r->reserve, src);
}

/* Bound and connected: the kernel hands over only what dst sends to src. The port of an IPv6 raw
 * address would be taken for a protocol, so there is none. */
static int open_tcp(struct icmp_raw *r, const struct addr *src, const struct addr *dst,
		    const char *device)
{
	struct addr from = *src, to = *dst;
	int ret;

	from.port = to.port = 0;
	r->tcp = open_socket(family(dst), SOCK_RAW, IPPROTO_TCP, device);
	if (r->tcp < 0)
		return r->tcp;
	ret = bind_to(r->tcp, &from);
	if (!ret)
		ret = connect_to(r->tcp, &to);
	if (!ret && !addr_is_v4(dst))
		ret = set_int(r->tcp, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	return ret;
}

static int open_icmp(struct icmp_raw *r, const struct addr *dst)
{
	bool v4 = addr_is_v4(dst);
	int ret;

	r->icmp = open_socket(family(dst), SOCK_RAW, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, NULL);
	if (r->icmp < 0)
		return r->icmp;
	ret = filter_types(r->icmp, v4);
	if (!ret)
		ret = filter_quotes(r->icmp, dst);
	if (!ret && !v4)
		ret = set_int(r->icmp, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	return ret;
}

int icmp_raw_open(struct icmp_raw *r, struct addr *src, const struct addr *dst, const char *device)
{
	int ret;

	*r = (struct icmp_raw){ -1, -1, -1 };
	ret = open_icmp(r, dst);
	if (!ret)
		ret = open_reserve(r, src, device);
	if (!ret)
		ret = open_tcp(r, src, dst, device);
	if (ret)
		icmp_raw_close(r);
	return ret;
}

void icmp_raw_close(struct icmp_raw *r)
{
	int fd[] = { r->tcp, r->icmp, r->reserve };

	for (size_t i = 0; i < sizeof fd / sizeof fd[0]; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	*r = (struct icmp_raw){ -1, -1, -1 };
}

int icmp_raw_send(const struct icmp_raw *r, const struct addr *dst, uint8_t ttl, const void *seg,
		  size_t len)
{
	bool v4 = addr_is_v4(dst);
	int ret = v4 ? set_int(r->tcp, IPPROTO_IP, IP_TTL, ttl)
		     : set_int(r->tcp, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl);

	if (ret)
		return ret;
	return send(r->tcp, seg, len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

ssize_t icmp_raw_recv(int fd, void *pkt, size_t room, struct addr *from, uint8_t *hop_limit)
{
	_Alignas(struct cmsghdr) char ctl[CMSG_SPACE(sizeof(int))];
	struct sockaddr_storage ss;
	struct iovec iov = { pkt, room };
	struct msghdr m = { .msg_name = &ss, .msg_namelen = sizeof ss, .msg_iov = &iov,
			    .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl };
	ssize_t n = recvmsg(fd, &m, 0);

	*hop_limit = 0;
	if (n < 0)
		return -errno;
	if (!addr_from_sockaddr(from, (struct sockaddr *)&ss))
		return -EAFNOSUPPORT;
	from->port = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		int hops;

		if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_HOPLIMIT)
			continue;
		memcpy(&hops, CMSG_DATA(c), sizeof hops);
		*hop_limit = (uint8_t)hops;
	}
	return n;
}

static int set_ttl_and_errors(int fd, bool v4, uint8_t ttl)
{
	int ret = v4 ? set_int(fd, IPPROTO_IP, IP_TTL, ttl)
		     : set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl);

	if (ret)
		return ret;
	return v4 ? set_int(fd, IPPROTO_IP, IP_RECVERR, 1)
		  : set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

int icmp_connect(const struct addr *from, const struct addr *to, uint8_t ttl, const char *device)
{
	int fd = open_socket(family(to), SOCK_STREAM, 0, device);
	int ret;

	if (fd < 0)
		return fd;
	ret = set_ttl_and_errors(fd, addr_is_v4(to), ttl);
	if (!ret)
		ret = bind_to(fd, from);
	if (!ret)
		ret = connect_to(fd, to);
	if (!ret || ret == -EINPROGRESS)
		return fd;
	close(fd);
	return ret;
}

/* The sender of an ICMP error follows the error in the control message (ip(7), IP_RECVERR). */
static bool from_control(const struct cmsghdr *c, struct icmp_error *e)
{
	bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
	bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
	struct sock_extended_err ee;
	struct sockaddr_storage ss = { 0 };
	size_t need = CMSG_LEN(sizeof ee + (v4 ? sizeof(struct sockaddr_in)
					       : sizeof(struct sockaddr_in6)));

	if ((!v4 && !v6) || c->cmsg_len < need)
		return false;
	memcpy(&ee, CMSG_DATA(c), sizeof ee);
	if (ee.ee_origin != (v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6))
		return false;
	memcpy(&ss, CMSG_DATA(c) + sizeof ee, need - CMSG_LEN(sizeof ee));
	if (!addr_from_sockaddr(&e->from, (struct sockaddr *)&ss))
		return false;
	e->from.port = 0;
	e->type = ee.ee_type;
	e->code = ee.ee_code;
	return true;
}

static void read_error(int fd, struct icmp_error *e)
{
	_Alignas(struct cmsghdr) char ctl[512];
	char quote[ICMP_PACKET_MAX];
	struct iovec iov = { quote, sizeof quote };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl,
			    .msg_controllen = sizeof ctl };

	if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (from_control(c, e))
			return;
}

int icmp_connect_result(int fd, struct icmp_error *e)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(int);
	int err = 0;

	*e = (struct icmp_error){ .type = 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return -errno;
	if (err) {
		read_error(fd, e);
		return -err;
	}
	len = sizeof ss;
	if (!getpeername(fd, (struct sockaddr *)&ss, &len))
		return 0;
	return errno == ENOTCONN ? -EINPROGRESS : -errno;
}

void icmp_connect_close(int fd)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(fd);
}
