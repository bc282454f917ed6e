"""Webhooks go to hosts of the public internet only, by the registries of IANA."""

from ipaddress import ip_network

import pytest

from symdepot.pipeline.webhooks.public_addresses import is_public

# Source: IANA IPv4 and IPv6 Special-Purpose Address Registries, of 2025-10-09: address
# block, and whether it is globally reachable.
REGISTERED = {
    "0.0.0.0/8": False,
    "0.0.0.0/32": False,
    "10.0.0.0/8": False,
    "100.64.0.0/10": False,
    "127.0.0.0/8": False,
    "169.254.0.0/16": False,
    "172.16.0.0/12": False,
    "192.0.0.0/24": False,
    "192.0.0.0/29": False,
    "192.0.0.8/32": False,
    "192.0.0.170/32": False,
    "192.0.0.171/32": False,
    "192.0.2.0/24": False,
    "192.31.196.0/24": True,
    "192.52.193.0/24": True,
    "192.168.0.0/16": False,
    "192.175.48.0/24": True,
    "198.18.0.0/15": False,
    "198.51.100.0/24": False,
    "203.0.113.0/24": False,
    "240.0.0.0/4": False,
    "255.255.255.255/32": False,
    "::1/128": False,
    "::/128": False,
    "::ffff:0:0/96": False,
    "64:ff9b:1::/48": False,
    "100::/64": False,
    "100:0:0:1::/64": False,
    "2001::/23": False,
    "2001:2::/48": False,
    "2001:10::/28": False,
    "2001:db8::/32": False,
    "2620:4f:8000::/48": True,
    "3fff::/20": False,
    "5f00::/16": False,
    "fc00::/7": False,
    "fe80::/10": False,
}
NO_HOSTS = (
    # Globally reachable, or not applicable: anycast of protocols, identifiers, relays.
    *("192.0.0.9/32", "192.0.0.10/32", "2001:1::1/128", "2001:1::2/128"),
    *("2001:1::3/128", "2001:3::/32", "2001:4:112::/48", "2001:20::/28"),
    *("2001:30::/28", "2001::/32", "2002::/16", "192.88.99.0/24"),
    # Multicast, and site-local. Source: RFC 5771, RFC 4291, RFC 3879.
    *("224.0.0.0/4", "ff00::/8", "fec0::/10"),
)


@pytest.mark.parametrize(
    ("block", "expected"),
    [*REGISTERED.items(), *((block, False) for block in NO_HOSTS)],
)
def test_both_ends_of_a_registered_block(block: str, *, expected: bool) -> None:
    network = ip_network(block)

    ends = str(network[0]), str(network[-1])

    assert [is_public(address) for address in ends] == [expected] * 2


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "93.184.216.34", "9.255.255.255", "11.0.0.0", "192.88.98.255"),
        *("192.88.100.0", "223.255.255.255", "2606:4700:4700::1111", "2001:200::1"),
        *("2001:db7:ffff::", "2003::1", "3ffe:ffff::", "::ffff:1.1.1.1"),
        "64:ff9b::808:808",
    ],
)
def test_addresses_of_hosts_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("::ffff:127.0.0.1", "::ffff:a00:1", "::ffff:192.88.99.1", "::127.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::c058:6301"),
        *("64:ff9b:1::808:808", "2002:7f00:1::", "2002:808:808::", "2001:0:7f00:1::"),
        *("fe80::1%eth0", "2606:4700:4700::1111%1", "1fff:ffff::", "4000::"),
    ],
)
def test_embedded_and_local_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)
