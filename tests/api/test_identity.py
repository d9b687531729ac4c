"""Keys in headers (A1) and pages that may act as the demo identity (A2)."""

import pytest

from coordinator.http.authentication import check_origin, presented_key
from coordinator.http.faults import KeysDiffer, OriginRefused
from coordinator.http.negotiation import accepts, names, preferred_wait_s


@pytest.mark.parametrize(
    ("api_keys", "authorizations", "key"),
    [
        ([], [], None),
        ([""], [], None),
        (["k"], [], "k"),
        ([], ["Bearer k"], "k"),
        ([], ["bearer  k"], "k"),
        (["k"], ["Bearer k"], "k"),
        (["k", "k"], [], "k"),
        (["k"], ["Basic dXNlcjpwYXNz"], "k"),
        ([], ["Basic dXNlcjpwYXNz"], None),
        ([], ["Bearer"], None),
    ],
)
def test_a_key_comes_in_either_header(api_keys, authorizations, key):
    assert presented_key(api_keys, authorizations) == key


@pytest.mark.parametrize(
    ("api_keys", "authorizations"),
    [(["a", "b"], []), (["a"], ["Bearer b"]), ([], ["Bearer a", "Bearer b"])],
)
def test_two_different_keys_are_refused(api_keys, authorizations):
    with pytest.raises(KeysDiffer):
        presented_key(api_keys, authorizations)


@pytest.mark.parametrize("host", ["localhost", "localhost:8011", "127.0.0.1:8001", "[::1]:8011"])
@pytest.mark.parametrize(
    "origin",
    [
        None,
        "http://localhost:3000",
        "http://127.0.0.1:8001",
        "http://[::1]:1",
        "https://ok.example",
    ],
)
def test_programs_and_pages_of_this_machine_may_act_as_the_demo_identity(host, origin):
    check_origin(host, origin, {"https://ok.example"})


@pytest.mark.parametrize(
    "host",
    ["", "rebound.example", "localhost.example", "127.0.0.1.example:80", "10.0.0.1", "[::2]"],
)
def test_a_name_that_was_made_to_point_here_may_not(host):
    with pytest.raises(OriginRefused):
        check_origin(host, None, ())


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://localhost:3000@evil.example",
        "file://",
        "",
    ],
)
def test_a_page_of_elsewhere_may_not(origin):
    with pytest.raises(OriginRefused):
        check_origin("localhost:8011", origin, ())


@pytest.mark.parametrize(
    ("accept", "is_taken"),
    [
        ("", True),
        ("*/*", True),
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/*", True),
        ("text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("text/html", False),
        ("application/json;q=0", False),
        ("application/json;q=0, */*", False),
        ("*/*;q=0", False),
        ("application/json;q=0.0, application/*", False),
    ],
)
def test_the_most_specific_media_range_decides(accept, is_taken):
    assert accepts(accept, "application/json") is is_taken


def test_only_who_names_a_media_type_names_it():
    problem = "application/problem+json"
    assert names("application/problem+json, application/json", problem)
    assert names("application/problem+json;q=0.9", problem)
    assert not names("application/problem+json;q=0", problem)
    assert not names("*/*", problem)
    assert not names("application/json", problem)


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        ("", None),
        ("wait=5", 5),
        ("Wait = 5", 5),
        ('wait="5"', 5),
        ("respond-async, wait=10", 10),
        ("wait=10; foo", 10),
        ("wait=31", 30),
        ("wait=99999", 30),
        ("wait=0", 0),
        ("wait=-1", None),
        ("wait=soon", None),
        ("wait=٥", None),
        ("waiting=5", None),
    ],
)
def test_the_preference_to_wait_is_bounded_and_others_are_ignored(prefer, wait_s):
    assert preferred_wait_s(prefer) == wait_s
