"""`aitbc node status`: where a node stands and what its chain waits for, for a person."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from aitbc import Answer, JsonValue
from cli.clients import NODE_DEFAULT, ApiKeyFile, NodeUrl, node_client
from cli.exits import CommandFailed, Exit
from cli.group import AsJson, command_group

app = command_group("Show where a node stands.")

_WAITS: Final = {
    "work": "quiet: there is nothing to order",
    "peers": "waits for peers: too few validators are connected",
    "blocks": "behind: waits for blocks that its peers have",
    "news": "waits to hear where its peers are",
    "next_epoch": "between two epochs",
    "certificates": "waits for certificates that are missing here",
    "proposal": "waits for the leader's proposal",
    "block": "waits for a block that was voted on and is missing here",
    "notarizes": "waits for votes that a proposal is valid",
    "nullifies": "waits for votes to give a view up",
    "clock": "waits for this machine's clock: it is behind the chain's time",
}


@app.command()
def status(
    node: NodeUrl = NODE_DEFAULT, api_key_file: ApiKeyFile = None, as_json: AsJson = False
) -> None:
    """Show where a node stands, what the chain waits for, and which validators are silent.

    Ends with 1 if the chain stands still although something is owed.
    """
    with node_client(node, api_key_file) as client:
        answer = client.chain_status()
    try:
        text = json.dumps(answer) if as_json else "\n".join(_lines(answer))
    except KeyError as missing:
        raise CommandFailed(f"the node is of another version: it does not tell {missing}") from None
    print(text)
    stalled_ms = _number(_part(answer, "consensus"), "stalled_ms")
    if stalled_ms:
        raise CommandFailed(f"the chain has stood still for {_span(stalled_ms)}")


def _lines(answer: Answer) -> Iterator[str]:
    consensus, peers = _part(answer, "consensus"), _part(answer, "peers")
    epoch, view = _number(consensus, "epoch"), _number(consensus, "view")
    yield f"chain      {answer['chain_id']}, protocol {answer['protocol_version']}"
    since = _span(_number(consensus, "since_final_ms"))
    yield f"final      block {answer['height']} of epoch {answer['epoch']}, {since} ago"
    yield f"           {answer['block_id']}"
    yield from _index_lines(answer)
    pool = _part(answer, "pool")
    yield f"pool       {pool['transactions']} transactions"
    role = "validator" if consensus["role"] == "validator" else "follower"
    signs = "signs" if consensus["signs"] else "does not sign"
    yield f"this node  {role}, {signs}"
    if "silent_because" in consensus:
        yield f"           {consensus['silent_because']}"
    counts = ", ".join(f"{count} {role}" for role, count in peers.items())
    yield f"peers      {counts}"
    yield from _sync_lines(answer)
    waits = _WAITS.get(str(consensus["waits_for"]), str(consensus["waits_for"]))
    yield f"consensus  epoch {epoch}, view {view}: {waits}"
    if behind_ms := _number(consensus, "clock_behind_ms"):
        yield f"           the clock is {_span(behind_ms)} behind the newest final block"
    if _number(consensus, "votes"):
        yield f"           {consensus['votes']} of {consensus['quorum']} votes are here"
    for name, items in (
        ("certificates of views", consensus["missing_certificates"]),
        ("blocks", consensus["missing_blocks"]),
    ):
        if isinstance(items, list) and items:
            yield f"           missing {name}: {', '.join(map(str, items[:8]))}"
    yield ""
    yield from _validator_lines(consensus, _number(answer, "height"))


def _index_lines(answer: Answer) -> Iterator[str]:
    index = _part(answer, "index")
    behind = _number(index, "lag_blocks")
    waits = f", {behind} behind for {_span(_number(index, 'lag_ms'))}" if behind else ""
    yield f"indexed    block {index['height']}{waits}"
    if "code" in index:
        yield f"           stands still: {index['code']}: {index['detail']}"


def _sync_lines(answer: Answer) -> Iterator[str]:
    if "sync" not in answer:
        return
    sync = _part(answer, "sync")
    behind = _number(sync, "announced_height") - _number(sync, "height")
    if behind > 0:
        yield f"sync       {behind} blocks behind block {sync['announced_height']}"


def _validator_lines(consensus: Mapping[str, JsonValue], own_height: int) -> Iterator[str]:
    validators = consensus["validators"]
    assert isinstance(validators, Sequence)
    yield f"{'validator':<20}{'key':<14}{'heard':>10}{'final':>10}  "
    for each in validators:
        assert isinstance(each, Mapping)
        key = str(each["public_key"])
        marks = []
        if each["is_self"]:
            marks.append("this node")
        elif not each["connected"]:
            marks.append("not connected")
        if key == consensus["leader"]:
            marks.append("leads")
        heard = "" if each["is_self"] else f"{_span(_number(each, 'silent_ms'))} ago"
        final = own_height if each["is_self"] else each["final_height"]
        line = f"{each['name']!s:<20}{key[:10]:<14}{heard:>10}{final!s:>10}"
        yield f"{line}  {', '.join(marks)}".rstrip()


def _part(answer: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    part = answer[name]
    if not isinstance(part, Mapping):
        raise CommandFailed(f"the node answers with a {name} that is no object", Exit.UNREACHABLE)
    return part


def _number(part: Mapping[str, JsonValue], name: str) -> int:
    value = part[name]
    if not isinstance(value, int):
        raise CommandFailed(f"the node answers with a {name} that is no number", Exit.UNREACHABLE)
    return value


def _span(duration_ms: int) -> str:
    """Return a duration as a person says it."""
    seconds = duration_ms / 1_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = seconds / 60, seconds / 3_600
    return f"{minutes:.0f} min" if minutes < 120 else f"{hours:.0f} h"
