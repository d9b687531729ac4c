"""What a job's input address may reach, and what fetching it may cost."""

import hashlib
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from miner.sources import Bounds, fetch_source, is_public, public_address
from miner.work import BadInput
from tests.sdk.scripted_server import Reply, in_turn, serving


class NoArtifacts:
    """A store that nothing is in."""

    def download(self, name: str, target: Path, bytes_max: int) -> None:
        raise BadInput("input_url", f"no {name} of {bytes_max} bytes for {target.name}")

    def upload(self, path: Path) -> str:
        raise AssertionError(path)


def fetch(url: str, target: Path, bounds: Bounds) -> str:
    return fetch_source(url, target, bounds, NoArtifacts())


def loopback(_host: str, _port: int) -> str:
    """Stand for the guard where a test's own server is to be reached."""
    return "127.0.0.1"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
        *("::", "::1", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
        *("2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
        *("2001:0:7f00:1::1", "64:ff9b:1::1"),
    ],
)
def test_addresses_inside_somebodys_network_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "::1", "2130706433", "0x7f000001", "127.1", "0177.0.0.1"),
        *("0", "::ffff:127.0.0.1", "169.254.169.254"),
    ],
)
def test_a_host_that_resolves_into_the_network_is_refused(host: str) -> None:
    with pytest.raises(BadInput, match=r"not on the public internet|cannot be found"):
        public_address(host, 80)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 300, ".", "x..y"])
def test_a_host_that_does_not_exist_is_refused(host: str) -> None:
    with pytest.raises(BadInput, match="input_url"):
        public_address(host, 80)


def test_the_guard_keeps_a_request_from_being_sent(tmp_path: Path) -> None:
    with serving(in_turn(Reply(200, b"secret"))) as server:
        for host in ("localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "127.1"):
            with pytest.raises(BadInput):
                fetch(f"http://{host}:{server.port}/", tmp_path / "input", Bounds(100))
    assert server.asked == []


@pytest.mark.parametrize(
    "reference",
    [
        *("", "clip.mp4", "/etc/passwd", "file:///etc/passwd", "ftp://example.com/a", "http://"),
        *("artifact:sha256:", "artifact:sha256:" + "0" * 63, "artifact:sha256:" + "G" * 64),
        *("http://user:secret@example.com/", "http://[::1", "http://example.com:99999/"),
        *("concat:a|b", "http://exa mple.com/", "http://example.com/\r\nX: y", "data:,x"),
    ],
)
def test_a_reference_of_another_form_is_refused(reference: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="input_url"):
        fetch(reference, tmp_path / "input", Bounds(100))


def test_a_public_file_is_fetched_under_its_own_host_name(tmp_path: Path) -> None:
    with serving(in_turn(Reply(200, b"content"))) as server:
        url = f"http://files.example:{server.port}/a/b?c=d#e"
        digest = fetch(url, tmp_path / "input", Bounds(100, locate=loopback))
    assert (tmp_path / "input").read_bytes() == b"content"
    assert digest == hashlib.sha256(b"content").hexdigest()
    (asked,) = server.asked
    assert (asked.path, asked.headers["Host"]) == ("/a/b?c=d", f"files.example:{server.port}")


@pytest.mark.parametrize("status", [301, 302, 307, 404, 500])
def test_redirects_and_errors_are_not_followed(status: int, tmp_path: Path) -> None:
    answer = Reply(status, b"", {"Location": "http://127.0.0.1:1/"})
    with (
        serving(in_turn(answer)) as server,
        pytest.raises(BadInput, match=f"status {status}"),
    ):
        fetch(server.url, tmp_path / "input", Bounds(100, locate=loopback))


def test_a_file_that_is_too_large_is_not_kept_reading(tmp_path: Path) -> None:
    with serving(in_turn(Reply(200, b"x" * 101))) as server, pytest.raises(BadInput, match="100"):
        fetch(server.url, tmp_path / "input", Bounds(100, locate=loopback))


@contextmanager
def trickling(first: bytes) -> Iterator[str]:
    """Serve `first`, then a byte now and then for ever, until the other side hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.sendall(first)
                    while True:
                        connection.sendall(b"x")
                        time.sleep(0.02)
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
def test_a_server_that_sends_a_byte_now_and_then_is_cut_off(first: bytes, tmp_path: Path) -> None:
    bounds = Bounds(100_000, seconds_max=0.3, locate=loopback)
    with trickling(first) as url, pytest.raises(BadInput, match="takes more than"):
        fetch(url, tmp_path / "input", bounds)
