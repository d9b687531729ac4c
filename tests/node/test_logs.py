"""Logs: useful, and free of secrets whoever writes them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from ledger.keys import KeyPair
from node.config import LogSection
from node.logs import HIDDEN, TEXT_CHARACTERS_MAX, configure_logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Configure logs into memory, and undo it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logs(LogSection(format="json", level="info"), stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_keeps_its_members_time_and_level(lines: io.StringIO) -> None:
    structlog.get_logger("node.test").info("block_final", height=7, block_id="ab12")
    (event,) = events(lines)
    assert event["event"] == "block_final"
    assert (event["height"], event["block_id"], event["level"]) == (7, "ab12", "info")
    assert event["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "name",
    ["passphrase", "api_key", "X-Api-Key", "Authorization", "key_seed", "wrapping_key", "prompt",
     "session_token", "client_secret", "key"],
)  # fmt: skip
def test_a_member_with_a_secret_name_is_hidden(lines: io.StringIO, name: str) -> None:
    structlog.get_logger().info("seen", **{name: "hunter2hunter2"})
    assert events(lines)[0][name] == HIDDEN
    assert "hunter2" not in lines.getvalue()


@pytest.mark.parametrize(
    "name", ["public_key", "payload_digest", "key_id", "result_bytes", "key_file", "receipt_id"]
)
def test_what_is_said_about_a_secret_stays(lines: io.StringIO, name: str) -> None:
    structlog.get_logger().info("seen", **{name: "shown"})
    assert events(lines)[0][name] == "shown"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user:hunter2@db.example/chain",
        "Authorization: Bearer hunter2",
        "GET /v1/ws?ticket=hunter2&version=1",
        "used aitbc_hunter2hunter2",
    ],
)
def test_a_secret_inside_a_text_is_hidden(lines: io.StringIO, text: str) -> None:
    structlog.get_logger().warning(text, detail=[{"inner": text}])
    assert "hunter2" not in lines.getvalue()
    assert HIDDEN in lines.getvalue()


def test_raw_bytes_and_keys_are_never_printed(lines: io.StringIO) -> None:
    seed = bytes(range(32))
    structlog.get_logger().info("seen", value=seed, nested={"a": (seed,)}, owner=KeyPair(seed))
    (event,) = events(lines)
    assert event["value"] == "<32 bytes>"
    assert event["nested"] == {"a": ["<32 bytes>"]}
    assert event["owner"].startswith("KeyPair(ait1")


def test_a_traceback_of_any_library_is_redacted_too(lines: io.StringIO) -> None:
    try:
        raise ValueError("could not open postgresql://user:hunter2@db/chain")
    except ValueError:
        logging.getLogger("some.library").exception("failed with %s", "Bearer hunter2")
    (event,) = events(lines)
    assert "Traceback" in event["exception"]
    assert "hunter2" not in lines.getvalue()


def test_a_very_long_value_is_cut(lines: io.StringIO) -> None:
    structlog.get_logger().info("seen", detail="x" * 1_000_000)
    assert len(lines.getvalue()) < TEXT_CHARACTERS_MAX + 500


def test_less_severe_events_are_left_out(lines: io.StringIO) -> None:
    structlog.get_logger().debug("quiet")
    logging.getLogger("uvicorn.access").info("GET /v1/ws?ticket=hunter2")
    assert lines.getvalue() == ""
