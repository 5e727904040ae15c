"""The endpoint of a virtual cluster, which its nodes download the join script from."""

from __future__ import annotations

import ipaddress

from krmfn.kubernetes import names
from krmfn.patterns import pattern
from krmfn.problems import Code, Collector, Place

_ENDPOINT = pattern(
    r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~-]+)*/?)"
)
_NUMBER = pattern(r"[0-9]+|0x[0-9a-f]*")
_LARGEST_PORT = 65535
_HTTPS_PORT = 443


def endpoint_url(endpoint: str, at: Place, problems: Collector) -> str:
    """Return the https URL of `host[:port]` or of an https URL, in one form.

    The host is in small letters, and there is no port 443 and no slash at the end: a node that
    has joined an endpoint must not join again because it is spelled in another way.

    The grammar is narrow, since the URL goes into curl's config and into a shell's settings. No
    message repeats the value: it may be a whole join URL, with its token. Return "" if there is a
    problem.
    """
    if endpoint.startswith("http://"):
        message = "is http: the join script runs as root; write https://, or the host alone"
        problems.append(at.error(message))
        return ""
    match = _ENDPOINT.fullmatch(endpoint.removeprefix("https://"))
    if match is None:
        message = "must be host[:port] or an https URL without user, query or fragment"
        problems.append(at.error(message))
        return ""
    host, port, path = match[1], match[2], match[3]
    if not _is_host(host) or not _is_port(port):
        grammar = "the host a DNS name or an address, the port 1 to 65535"
        problems.append(at.error(f"must be host[:port] or an https URL, {grammar}"))
        return ""
    if {".", ".."} & set(path.split("/")):
        problems.append(at.error("must be an https URL whose path has no . or .."))
        return ""
    if _is_local(host):
        message = "points each node at itself; name the address at which nodes reach the tenant"
        problems.append(at.warning(message, Code.LOCAL_ENDPOINT))
    authority = f"[{ipaddress.IPv6Address(host[1:-1])}]" if host[0] == "[" else host.lower()
    if port and int(port) != _HTTPS_PORT:
        authority += f":{int(port)}"
    return f"https://{authority}{path}".rstrip("/")


def _is_local(host: str) -> bool:
    """Tell whether a host is whichever machine asks for it."""
    if host.lower() in ("localhost", "localhost.localdomain"):
        return True
    if not _is_address(host):
        return False
    address = ipaddress.ip_address(host.strip("[]"))
    # Python 3.11 does not look into an address of IPv4 that is written as one of IPv6.
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def _is_port(port: str | None) -> bool:
    """Tell whether the digits of a port are one, or are left out."""
    return port is None or 0 < int(port) <= _LARGEST_PORT


def _is_host(host: str) -> bool:
    """Tell whether a host is an address or a DNS name."""
    return _is_address(host) or _is_dns_name(host.lower())


def _is_address(host: str) -> bool:
    """Tell whether a host is an address, of IPv6 in brackets."""
    try:
        if host.startswith("["):
            return bool(ipaddress.IPv6Address(host[1:-1]))
        return bool(ipaddress.IPv4Address(host))
    except ValueError:
        return False


def _is_dns_name(host: str) -> bool:
    """Tell whether a host, in lower case, is a DNS name."""
    parts = host.split(".")
    # To curl, everything that ends in a number is an address, 0x7f000001 too.
    if _NUMBER.fullmatch(parts[-1]) or names.subdomain(host):
        return False
    return not any(names.dns_label(part) for part in parts)
