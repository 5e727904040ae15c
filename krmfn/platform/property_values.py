"""How the texts of properties are read, and why a text does not fit.

The functions whose names end in `_fault` return why a value does not fit, or "".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from krmfn.kubernetes import names
from krmfn.kubernetes.quantity import Quantity
from krmfn.platform.model import from_base64
from krmfn.problems import show

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Fault = Callable[[str], str]

_HEX_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


def split(value: str) -> list[str]:
    """Split a list with commas into its parts."""
    parts = [part.strip() for part in value.split(",")]
    return [part for part in parts if part]


def ranges(value: str) -> list[tuple[str, Address, Address]]:
    """Read a list of address ranges: the text of each, its first and its last address.

    Raises ValueError if one of them is not a range.
    """
    result = []
    for text in split(value):
        first, dash, last = (piece.strip() for piece in text.partition("-"))
        start = ipaddress.ip_address(first)
        end = ipaddress.ip_address(last) if dash else start
        result.append((text, start, end))
    return result


def anything_fault(value: str) -> str:
    """Accept every text."""
    return ""


def names_fault(value: str) -> str:
    """Accept names with commas between."""
    parts = split(value)
    for name in parts:
        if fault := names.subdomain(name):
            return fault
    return "" if parts else "names nothing"


def namespaced_fault(value: str) -> str:
    """Accept `[namespace/]name`."""
    namespace, slash, name = value.rpartition("/")
    fault = names.subdomain(name)
    if slash and not fault:
        fault = names.dns_label(namespace)
    return fault


def one_of(*values: str) -> Fault:
    """Make a check that accepts these values only."""

    def fault(value: str) -> str:
        if value in values:
            return ""
        choice = ", ".join(values)
        return f"is {show(value)}; must be one of {choice}"

    return fault


def matches(pattern: str, meaning: str) -> Fault:
    """Make a check that accepts what matches a pattern; `meaning` describes it in messages."""
    compiled = re.compile(pattern)

    def fault(value: str) -> str:
        if compiled.fullmatch(value):
            return ""
        return f"is {show(value)}; must be {meaning}"

    return fault


def checksum_fault(value: str) -> str:
    """Accept `sha256:` and its like with as many hexadecimal digits as such a sum has."""
    kind, _, digits = value.partition(":")
    if len(digits) == _HEX_DIGITS.get(kind) and re.fullmatch(r"[0-9a-fA-F]+", digits):
        return ""
    expected = f"{', '.join(_HEX_DIGITS)}, a colon and as many hexadecimal digits"
    return f"is {show(value)}; must be {expected} as such a sum has"


def size_fault(value: str) -> str:
    """Accept a quantity above 0."""
    try:
        size = Quantity.parse(value)
    except ValueError as error:
        return f"{error}: {show(value)}"
    return "" if size.value > 0 else f"is {show(value)}; must be above 0"


def cidr_fault(value: str) -> str:
    """Accept a network with its prefix length."""
    expected = "a network with no bits set behind its prefix, such as 10.0.0.0/24"
    fault = f"is {show(value)}; must be {expected}"
    if "/" not in value:
        return fault
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return fault
    return ""


def ranges_fault(value: str) -> str:
    """Accept a list of ranges, each from a first to a last address."""
    try:
        parts = ranges(value)
    except ValueError:
        example = "10.0.0.10-10.0.0.20,10.0.0.40-10.0.0.50"
        return f"is {show(value)}; must be ranges, such as {example}"
    for text, first, last in parts:
        if first.version != last.version or int(first) > int(last):
            return f"has the range {show(text)}, whose end is before its start"
    return "" if parts else "is empty"


def addresses_fault(value: str) -> str:
    """Accept a list of addresses."""
    parts = split(value)
    try:
        for part in parts:
            ipaddress.ip_address(part)
    except ValueError:
        return f"is {show(value)}; must be addresses, such as 8.8.8.8,8.8.4.4"
    return "" if parts else "is empty"


def base64_fault(value: str) -> str:
    """Accept base64 of UTF-8 text."""
    try:
        from_base64(value)
    except ValueError:
        return "is not base64 of text"
    return ""
