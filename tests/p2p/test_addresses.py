"""Texts that name a place to dial or to listen, and texts that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.p2p.addresses import (
    AddressInvalid,
    Endpoint,
    neighbourhood,
    parse_endpoint,
    parse_known_endpoint,
    parse_listen_address,
)
from tests.p2p.meeting import key_pair

KEY = key_pair(1).public_key


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8012", "127.0.0.1", 8012),
        ("[::1]:1", "::1", 1),
        ("peer.example:65535", "peer.example", 65_535),
        ("a-b.c:80", "a-b.c", 80),
    ],
)
def test_an_address_that_can_be_dialled(text: str, host: str, port: int):
    assert parse_endpoint(text) == Endpoint(host, port)
    assert str(parse_endpoint(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "host",
        "host:",
        ":80",
        "host:0",
        "host:65536",
        "host:080",
        "host:８０",
        "::1:80",
        "[127.0.0.1]:80",
        "[::1%lo]:80",
        "256.1.1.1:80",
        "1.2.3:80",
        "-a.example:80",
        "a..b:80",
        "a b:80",
        "a/b:80",
        "user@host:80",
        "host:80\n",
        "x" * 254 + ":80",
    ],
)
def test_a_text_that_is_no_address(text: str):
    with pytest.raises(AddressInvalid, match=r"is not an address such as"):
        parse_endpoint(text)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_typed_error(text: str):
    try:
        endpoint = parse_endpoint(text)
    except AddressInvalid:
        return
    assert parse_endpoint(str(endpoint)) == endpoint


def test_a_place_may_name_its_key():
    place = parse_known_endpoint(f"{KEY.hex()}@[::1]:8012")
    assert (place.key, place.endpoint) == (KEY, Endpoint("::1", 8012))
    assert parse_known_endpoint("[::1]:8012").key is None


@pytest.mark.parametrize("key", ["", "00", "zz" * 32, "00" * 32, "0x" + "11" * 31])
def test_a_key_that_is_none_is_refused(key: str):
    with pytest.raises(AddressInvalid, match=r"public key in hex"):
        parse_known_endpoint(f"{key}@127.0.0.1:80")


def test_addresses_to_listen_on_are_numeric_and_may_leave_the_port_to_the_system():
    assert parse_listen_address("127.0.0.1:0") == ("127.0.0.1", 0)
    assert parse_listen_address("[::]:8012") == ("::", 8012)
    for text in ("localhost:80", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1"):
        with pytest.raises(AddressInvalid):
            parse_listen_address(text)


def test_whoever_has_an_ipv6_address_is_counted_by_the_64_bits_that_are_given_out():
    assert neighbourhood("10.0.0.1") == "10.0.0.1"
    assert neighbourhood("::ffff:10.0.0.1") == "10.0.0.1"
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("fe80::1%eth0") == "fe80::/64"
