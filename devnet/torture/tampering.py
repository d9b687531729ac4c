"""A node whose database is altered behind its back: its pages still render, its proofs fail.

Each lie is told about a transfer that is final, in the node's own files and while it runs. Then
the node is asked for the page and for the proof; the proof is judged by the ledger's checker and by
`aitbc verify`, which have no code in common, and both have to name the same step.
"""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from devnet.network.node import NodeProcess
from devnet.torture.ground import WATCH_S, Ground
from ledger.actions import Transfer
from ledger.block import HEADER_CODEC, ZERO_HASH
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.merkle import merkle_root, transaction_leaf
from ledger.proofs import ProofInvalid, ProvedTransaction, Trust, check_bundle
from ledger.transaction import SignedTransaction, transaction_id

FALSE_AMOUNT: Final = 7
"""Nait of the transfers that lies are about; clients send other amounts."""

SETTLED_BLOCKS: Final = 3
"""Blocks above those that are altered; nobody reads these for the next one."""

DATABASE_PATIENCE_S: Final = 30.0
"""How long an alteration waits for the node's own writing."""

_BODY: Final = msgspec.msgpack.Decoder(tuple[SignedTransaction, ...])


class TamperingFailed(Exception):
    """A lie could not be told, or was not found out, or the truth was not believed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check of a proof ended."""

    step: str
    """Step that failed; empty if all passed."""
    code: str
    """Why."""


HOLDS: Final = Verdict("", "")


@dataclass(frozen=True, slots=True)
class Row:
    """A final block as the node's database has it, and a transfer in it."""

    height: int
    header: bytes
    certificate: bytes
    body: bytes
    transfer: bytes
    """Id of the transfer."""

    def index_in(self, tags: Tags, body: tuple[SignedTransaction, ...]) -> int:
        """Return where the transfer is."""
        ids = [transaction_id(tags, signed.transaction) for signed in body]
        return ids.index(self.transfer)


@dataclass(frozen=True, slots=True)
class Altered:
    """What a lie puts in the place of a row."""

    header: bytes
    certificate: bytes
    body: bytes
    shown: bytes | None = None
    """Signed bytes for the index, which pages are made of; None leaves them."""


@dataclass(frozen=True, slots=True)
class Lie:
    """One way to alter a database."""

    what: str
    """In words."""
    alter: Callable[[Tags, Row], Altered]
    """What it does."""
    found: Verdict
    """Where it has to be found out."""


class Tampering:
    """Tells lies in one node's database, and judges what nodes prove."""

    def __init__(self, ground: Ground, tell: Callable[[str], None]) -> None:
        """Act on the network of `ground`."""
        self._ground = ground
        self._tell = tell
        self._tags = Tags(bytes.fromhex(ground.genesis["genesis_digest"]))
        self._told: list[str] = []

    async def tamper(self, node: NodeProcess, within_s: float) -> None:
        """Tell every lie in a node's database, and require that each is found out there only.

        Raises:
            TamperingFailed: a page did not render, or a lie was believed.
        """
        for lie in LIES:
            name = await self._alter(node, lie, within_s)
            self._told.append(name)
            page = await self._ground.clients[node.name].get(
                f"/transactions/{name}", headers={"accept": "text/html"}
            )
            if page.status_code != 200:
                raise TamperingFailed(f"{node.name} answers {page.status_code} for {name}'s page")
            if lie.alter is not _flip_signature and f"{FALSE_AMOUNT} nait" not in page.text:
                raise TamperingFailed(f"the page of {node.name} does not show the false amount")
            verdict = await self._judge(node, name)
            if verdict != lie.found:
                raise TamperingFailed(f"{lie.what}: found {verdict}, not {lie.found}")
            self._tell(
                f"{node.name}: {lie.what}; the page renders, its proof fails at the step "
                f"{verdict.step}: {verdict.code}"
            )
        honest = next(each for each in self._ground.honest if each is not node and each.is_running)
        await self.require_proofs([honest])

    async def require_proofs(self, nodes: list[NodeProcess]) -> None:
        """Require that nodes prove what was lied about as clients sent it.

        Raises:
            TamperingFailed: a proof does not hold.
        """
        for node in nodes:
            for name in self._told:
                verdict = await self._judge(node, name)
                if verdict != HOLDS:
                    raise TamperingFailed(f"{node.name} cannot prove {name}: {verdict}")
            self._tell(f"{node.name} proves all {len(self._told)} transfers as they were sent")

    async def _alter(self, node: NodeProcess, lie: Lie, within_s: float) -> str:
        """Tell a lie about a final transfer that the node has indexed; return the transfer."""
        data = self._ground.directory.data(node.name)
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            row = await asyncio.to_thread(_choose, data, self._candidates(node))
            if row is not None:
                altered = lie.alter(self._tags, row)
                await asyncio.to_thread(_write, data, row, altered)
                return "tx_" + row.transfer.hex()
            await asyncio.sleep(WATCH_S)
        raise TamperingFailed(f"no block of {node.name} is fit for a lie after {within_s:.0f} s")

    def _candidates(self, node: NodeProcess) -> list[tuple[bytes, int]]:
        """Return final transfers and their heights: one a block, none near the node's head."""
        final = self._ground.history.final
        below = self._ground.history.height_of(node.name) - SETTLED_BLOCKS
        used = {final[name] for name in self._told}
        by_height = {height: name for name, height in final.items() if height < below}
        return [
            (bytes.fromhex(name.removeprefix("tx_")), height)
            for height, name in by_height.items()
            if height not in used
        ]

    async def _judge(self, node: NodeProcess, name: str) -> Verdict:
        """Return the verdict that both checkers reach on what a node proves of a transfer."""
        url = f"/v1/proofs/transaction/{name}"
        answer = await self._ground.clients[node.name].get(url)
        if not answer.is_success:
            raise TamperingFailed(f"{node.name} gives no proof of {name}: {answer.text}")
        ours, theirs = self._check(name, answer.content), await self._verify(node.url + url)
        if ours != theirs:
            raise TamperingFailed(f"the ledger says {ours}, aitbc verify says {theirs}")
        return ours

    def _check(self, name: str, bundle: bytes) -> Verdict:
        try:
            proved = check_bundle(bundle, Trust(self._tags.genesis_digest))
        except ProofInvalid as error:
            return Verdict(error.step.value, error.fault.value)
        claim, sent = proved.claim, self._ground.history.sent[name]
        assert isinstance(claim, ProvedTransaction)
        if encode(claim.signed) != sent.signed:
            raise TamperingFailed(f"{name} is proved, and is not what was sent")
        return HOLDS

    async def _verify(self, url: str) -> Verdict:
        """Ask `aitbc verify`."""
        genesis = str(self._ground.directory.genesis)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli.main", "verify", url, "--genesis", genesis, "--json",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        try:
            told = json.loads(out)
        except ValueError:
            raise TamperingFailed(f"aitbc verify {url}: {err.decode()}") from None
        failed = [step for step in told["steps"] if step["ok"] is False]
        if not failed and told["verdict"] != "verified":
            raise TamperingFailed(f"aitbc verify {url}: {told['verdict']}")
        return Verdict(failed[0]["name"], failed[0]["code"]) if failed else HOLDS


def _lower_amount(tags: Tags, row: Row) -> Altered:
    """Let the transfer be of another amount."""
    body, signed = _with_false_amount(tags, row)
    return Altered(row.header, row.certificate, encode(body), encode(signed))


def _lower_amount_and_root(tags: Tags, row: Row) -> Altered:
    """Let the header commit to the false amount, too."""
    body, signed = _with_false_amount(tags, row)
    leaves = [
        transaction_leaf(
            transaction_id(tags, each.transaction), each.transaction.valid_until_ms, each.signature
        )
        for each in body
    ]
    header = replace(HEADER_CODEC.decode(row.header), transaction_root=merkle_root(leaves))
    return Altered(encode(header), row.certificate, encode(body), encode(signed))


def _flip_signature(_tags: Tags, row: Row) -> Altered:
    """Change the last validator's signature."""
    certificate = row.certificate[:-40] + bytes((row.certificate[-40] ^ 1,)) + row.certificate[-39:]
    return Altered(row.header, certificate, row.body)


LIES: Final = (
    Lie(
        "a transfer's amount is altered", _lower_amount, Verdict("inclusion", "INCLUSION_MISMATCH")
    ),
    Lie(
        "an amount and the root in the header are altered",
        _lower_amount_and_root,
        Verdict("certificate", "CERTIFICATE_OTHER_BLOCK"),
    ),
    Lie(
        "a validator's signature is altered",
        _flip_signature,
        Verdict("certificate", "SIGNATURE_INVALID"),
    ),
)
"""In the order in which they are told."""


def _with_false_amount(
    tags: Tags, row: Row
) -> tuple[tuple[SignedTransaction, ...], SignedTransaction]:
    body = _BODY.decode(row.body)
    index = row.index_in(tags, body)
    action = body[index].transaction.action
    assert isinstance(action, Transfer), "clients send transfers"
    changed = replace(action, amount=FALSE_AMOUNT)
    signed = replace(body[index], transaction=replace(body[index].transaction, action=changed))
    return (*body[:index], signed, *body[index + 1 :]), signed


def _choose(data: Path, candidates: Sequence[tuple[bytes, int]]) -> Row | None:
    """Return the first transfer whose row is fit for a lie."""
    rows = (_read(data, height, transfer) for transfer, height in candidates)
    return next((row for row in rows if row is not None), None)


def _read(data: Path, height: int, transfer: bytes) -> Row | None:
    """Return a block's row if it is certified and inside its epoch, and the index has it."""
    query = "select header, certificate, body from blocks where height = ?"
    with closing(_connect(data / "chain.db")) as chain:
        found = chain.execute(query, (height,)).fetchone()
    if found is None or not found[1]:
        return None
    header, certificate, body = found
    if HEADER_CODEC.decode(header).next_validator_set_hash != ZERO_HASH:
        return None
    row = Row(height, header, certificate, body, transfer)
    return row if _is_indexed(data, transfer) else None


def _is_indexed(data: Path, transfer: bytes) -> bool:
    with closing(_connect(data / "index.db")) as index:
        return any(
            # The table's name is the database's own.
            index.execute(
                f"select 1 from {table} where transaction_id = ?",  # noqa: S608
                (transfer,),
            ).fetchone()
            for table in _transaction_tables(index)
        )


def _write(data: Path, row: Row, altered: Altered) -> None:
    """Put what a lie says in the place of the truth, in the chain and in the index."""
    update = "update blocks set header = ?, certificate = ?, body = ? where height = ?"
    values = (altered.header, altered.certificate, altered.body, row.height)
    with closing(_connect(data / "chain.db")) as chain, chain:
        chain.execute(update, values)
    if altered.shown is None:
        return
    with closing(_connect(data / "index.db")) as index, index:
        for table in _transaction_tables(index):
            index.execute(
                f"update {table} set signed = ? where transaction_id = ?",  # noqa: S608
                (altered.shown, row.transfer),
            )


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=DATABASE_PATIENCE_S)


def _transaction_tables(index: sqlite3.Connection) -> Iterator[str]:
    """Yield the index's tables of transactions: one for each partition."""
    names = (
        "select name from sqlite_master where type = 'table' and name glob 'transactions_[0-9]*'"
    )
    for (name,) in index.execute(names).fetchall():
        yield name
