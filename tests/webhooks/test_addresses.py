"""Where messages may go: to public addresses, by names and URLs that say nothing else."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.webhooks.addresses import may_be_sent_to
from coordinator.webhooks.errors import WebhookUrlRefused
from coordinator.webhooks.urls import parse_url

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]

INSIDE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "4000::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2606:4700::1%1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_sent_to(address: str) -> None:
    assert may_be_sent_to(address, with_loopback=False)


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_that_may_lead_inside_is_sent_to(address: str) -> None:
    assert not may_be_sent_to(address, with_loopback=False)


@pytest.mark.parametrize("address", INSIDE)
def test_a_devnet_adds_its_own_machine_and_nothing_else(address: str) -> None:
    is_loopback = "%" not in address and ipaddress.ip_address(address).is_loopback
    assert may_be_sent_to(address, with_loopback=True) == is_loopback


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_gets_through_in_the_clothes_of_ipv6(
    address: ipaddress.IPv4Address,
) -> None:
    number = int(address)
    for dressed in (
        number,
        0xFFFF << 32 | number,
        0x64FF9B << 96 | number,
        0x2002 << 112 | number << 80,
    ):
        assert not may_be_sent_to(str(ipaddress.IPv6Address(dressed)), with_loopback=False)


@given(st.text(max_size=60))
def test_what_is_no_address_is_not_sent_to(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        assert not may_be_sent_to(text, with_loopback=True)


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://your-app.com/webhook", "your-app.com", 443, "/webhook"),
        ("https://your-app.com", "your-app.com", 443, "/"),
        ("https://Your-App.com:8443/a/b?c=d&e", "your-app.com", 8443, "/a/b?c=d&e"),
        ("https://1.1.1.1/x", "1.1.1.1", 443, "/x"),
        ("https://[2606:4700:4700::1111]:444/", "2606:4700:4700::1111", 444, "/"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://7eleven.com/", "7eleven.com", 443, "/"),
    ],
)
def test_a_public_url_is_taken_apart(url: str, host: str, port: int, path: str) -> None:
    target = parse_url(url, with_loopback=False)
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "your-app.com/webhook",
        "http://your-app.com/webhook",
        "ftp://your-app.com/",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:password@your-app.com/",
        "https://your-app.com@10.0.0.1/",
        "https://your-app.com/#fragment",
        "https://your-app.com:99999/",
        "https://your-app.com:0/",
        "https://your-app.com:x/",
        "https://your app.com/",
        "https://your-app.com/\n",
        "https://your-app.com\\@10.0.0.1/",
        "https://bücher.example/",
        "https://intranet/",
        "https://localhost/",
        "https://foo.localhost/",
        "https://foo.localhost./",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://10.0.0.1./",
        "https://192.168.1.1:8080/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[/",
        "https://169.254.169.254/latest/meta-data/",
        "https://a.b/" + "x" * 2_048,
    ],
)
def test_other_urls_are_refused_with_the_field_named(url: str) -> None:
    with pytest.raises(WebhookUrlRefused) as caught:
        parse_url(url, with_loopback=False)
    assert caught.value.faults[0].pointer == "/url"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/x", "http://localhost:1234/", "http://[::1]:9/", "https://127.0.0.1/"],
)
def test_a_devnet_takes_its_own_machine_without_tls(url: str) -> None:
    parse_url(url, with_loopback=True)
    with pytest.raises(WebhookUrlRefused):
        parse_url(url, with_loopback=False)


@pytest.mark.parametrize("url", ["http://your-app.com/", "http://10.0.0.1/", "https://10.0.0.1/"])
def test_a_devnet_takes_nothing_else_more(url: str) -> None:
    with pytest.raises(WebhookUrlRefused):
        parse_url(url, with_loopback=True)


@given(st.text(max_size=40) | st.from_regex(r"https?://[!-~]{0,30}", fullmatch=True))
def test_any_text_is_taken_apart_or_refused(url: str) -> None:
    try:
        target = parse_url(url, with_loopback=False)
    except WebhookUrlRefused:
        return
    assert target.scheme == "https"
    assert target.path.startswith("/")
    assert 1 <= target.port <= 65_535
