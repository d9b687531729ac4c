"""Contradictions of validators that this node saw, until the chain knows of them (E5, T11).

The driver reports two votes of one member that no honest member casts both. They are kept in the
data folder, one piece for each validator and epoch, and submitted as a `submit_evidence`
transaction, which carries no fee and needs no account; this node's own key signs it. A piece is
forgotten when the final state says that it is accepted or that nothing can come of it any more:
the validator is out of the set, or the epoch is too long ago. Until then it is submitted anew
whenever the transaction before it has run out.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from consensus import Committee, Evidence
from coordinator.ports import TransactionStatus
from ledger.actions import SubmitEvidence
from ledger.admission import check_applies
from ledger.codec import Codec, encode
from ledger.errors import CodecError, TransactionRejected
from ledger.fees import with_least_fee
from ledger.governance_rejections import (
    AuthorityUnknown,
    EvidenceKnown,
    EvidenceOfFuture,
)
from ledger.keys import KeyPair
from ledger.params import TRANSACTION_BYTES_MAX
from ledger.proposal import block_time
from ledger.statements import SignedStatement
from ledger.transaction import SignedTransaction, Transaction, sign, transaction_id
from ledger.types import Epoch, Hash, PublicKey, TimestampMs
from node.chain import ChainNode
from node.disk import Disk, SystemDisk
from node.ports import Clock

PAUSE_SECONDS: Final = 5.0
"""Time between two looks at what became of evidence."""

VALID_MS: Final = 120_000
"""How long a transaction with evidence may wait for a block; at most the chain's horizon."""

KEPT_MAX: Final = 1_000
"""Pieces that are kept; more than a set of validators can cause within the age limit."""

_CODEC: Final = Codec(SubmitEvidence, TRANSACTION_BYTES_MAX, "evidence")

log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class _Kept:
    """One piece of evidence."""

    action: SubmitEvidence
    path: Path
    is_stored: bool
    transaction_id: Hash = b""
    valid_until_ms: TimestampMs = 0

    @property
    def epoch(self) -> Epoch:
        return self.action.first.statement.epoch


class EvidenceKeeper:
    """Keeps and submits evidence of one node; used on the event loop."""

    def __init__(
        self,
        folder: Path,
        chain: ChainNode,
        signer: KeyPair,
        clock: Clock,
        *,
        disk: Disk | None = None,
        salt: Callable[[], bytes] = lambda: secrets.token_bytes(16),
    ) -> None:
        """Continue with what an earlier process kept.

        Args:
            folder: made if it is missing.
            chain: where evidence is submitted, and whose final state decides about it.
            signer: this node's key, the validator's own if it is one.
            clock: wall clock for the time limits of transactions.
            disk: where the folder is; the machine's by default.
            salt: makes the salt of each transaction.
        """
        self._disk = disk or SystemDisk()
        self._salt = salt
        self._folder = folder
        self._chain = chain
        self._signer = signer
        self._clock = clock
        self._kept: dict[tuple[PublicKey, Epoch], _Kept] = {}
        self._wake = asyncio.Event()
        self._disk.make_folder(folder)
        for name in sorted(self._disk.names(folder)):
            if name.endswith(".evidence"):
                self._read(folder / name)

    def __len__(self) -> int:
        """Return how many pieces are kept."""
        return len(self._kept)

    def report(self, committee: Committee, evidence: Evidence) -> None:
        """Take evidence that consensus checked; one piece of a validator and epoch is enough."""
        accused = committee.members[evidence.first.signer]
        log.error("validator_contradicted_itself", validator=accused.hex())
        first, second = (
            SignedStatement(vote.statement, vote.signature)
            for vote in (evidence.first, evidence.second)
        )
        epoch = evidence.first.statement.epoch
        if (accused, epoch) not in self._kept and len(self._kept) < KEPT_MAX:
            path = self._folder / f"{epoch}-{accused.hex()}.evidence"
            kept = _Kept(SubmitEvidence(accused, first, second), path, is_stored=False)
            self._kept[(accused, epoch)] = kept
            self._wake.set()

    async def run(self) -> None:
        """Store and submit until cancelled.

        Raises:
            OSError: the folder cannot be written.
        """
        while True:
            for kept in list(self._kept.values()):
                await self._pursue(kept)
            await self._pause()

    async def _pause(self) -> None:
        """Wait for new evidence, and no longer than `PAUSE_SECONDS` while there is any."""
        seconds = PAUSE_SECONDS if self._kept else None
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _pursue(self, kept: _Kept) -> None:
        """Store and submit a piece, or forget it if the final state has decided about it."""
        signed = self._sign(kept.action)
        view = self._chain.tree.final_view
        data, now_ms = encode(signed), block_time(view, self._clock.wall_ms())
        identity = transaction_id(view.tags, signed.transaction)
        try:
            check_applies(view, signed.transaction, identity, len(data), now_ms)
        except EvidenceOfFuture:
            return  # The final state has not reached the epoch yet.
        except TransactionRejected as reason:
            await self._forget(kept, reason)
            return
        if not kept.is_stored:
            await asyncio.to_thread(self._disk.create, kept.path, encode(kept.action))
            kept.is_stored = True
        if now_ms <= kept.valid_until_ms and await self._is_known(kept.transaction_id):
            return
        (outcome,) = await self._chain.submit([data])
        if outcome.status is TransactionStatus.POOLED:
            kept.transaction_id = identity
            kept.valid_until_ms = signed.transaction.valid_until_ms
        log.info("evidence_submitted", outcome=outcome.status, code=outcome.code)

    def _sign(self, action: SubmitEvidence) -> SignedTransaction:
        view = self._chain.tree.final_view
        valid_ms = min(VALID_MS, view.parameters.horizon_ms // 2)
        transaction = Transaction(
            version=1,
            chain_id=view.header.chain_id,
            sender_public_key=self._signer.public_key,
            action=action,
            fee=0,
            valid_until_ms=block_time(view, self._clock.wall_ms()) + valid_ms,
            salt=self._salt(),
        )
        return sign(view.tags, with_least_fee(view.parameters, transaction), self._signer)

    async def _is_known(self, identity: Hash) -> bool:
        return await self._chain.status(identity) is not TransactionStatus.UNKNOWN

    async def _forget(self, kept: _Kept, reason: TransactionRejected) -> None:
        is_settled = isinstance(reason, EvidenceKnown | AuthorityUnknown)
        log.info("evidence_settled" if is_settled else "evidence_obsolete", code=reason.code)
        if kept.is_stored:
            await asyncio.to_thread(self._disk.remove, kept.path)
        del self._kept[(kept.action.authority, kept.epoch)]

    def _read(self, path: Path) -> None:
        file = self._disk.open(path)
        data = file.read()
        file.close()
        try:
            action = _CODEC.decode(data)
        except CodecError as error:
            log.warning("evidence_unreadable", file=path.name, reason=str(error))
            self._disk.remove(path)  # The journal reports it again if it is of this epoch.
            return
        kept = _Kept(action, path, is_stored=True)
        self._kept[(action.authority, kept.epoch)] = kept
