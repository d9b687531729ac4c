"""The steps of a check, as functions: each takes what was established so far and adds to it.

``docs/proofs.md`` numbers and names them, and says which code stands for what. A step that passes
returns a sentence that says what it found.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue, ProofInvalid
from aitbc.proofs.claims import (
    BalanceProof,
    Claims,
    OutcomeProof,
    ProvenBlock,
    ReceiptProof,
    TransactionProof,
    ValidatorsProof,
)
from aitbc.proofs.document import Bundle, Included, StatePart
from aitbc.proofs.finality import check_final, check_names_set, set_from, usable_set
from aitbc.proofs.genesis import GenesisFacts, read_genesis_bytes
from aitbc.proofs.header import Header, read_header
from aitbc.proofs.records import Outcome, account_key, read_balance, read_outcome
from aitbc.proofs.trees import root_over_path, state_entry, state_root
from aitbc.proofs.validators import ValidatorSet
from aitbc.transactions import ReadTransaction, decode_transaction, is_signed
from aitbc.verification import receipt_of


@dataclass(frozen=True)
class Trust:
    """What the reader brings."""

    digest: bytes | None
    """Genesis digest that is pinned; None where anything is taken."""
    genesis: GenesisFacts | None
    """The genesis, where the reader has it."""
    known: Mapping[int, bytes]
    """Hashes of sets that the reader has verified before, by their epoch."""


class Check:
    """One check of one bundle, step by step. What a step established is an attribute after it."""

    genesis: GenesisFacts
    """The chain."""
    members: ValidatorSet
    """The set that was reached last."""
    epoch: int
    """First epoch that it is the set of."""
    height: int
    """Height of the last block before that epoch, 0 where it is not known."""
    ends: list[Header]
    """Last blocks of epochs, of the boundaries."""
    headers: list[Header]
    """From the proved block to the certified one."""
    signers: tuple[str, ...]
    """Who signed."""
    transaction: ReadTransaction
    """What was included."""
    outcome: Outcome
    """What the block did."""
    balance: int | None
    """What the account holds, None where there is none."""

    def __init__(self, bundle: Bundle, trust: Trust) -> None:
        """Begin with a bundle whose form was checked."""
        self.bundle = bundle
        self.trust = trust

    @property
    def tags(self) -> ChainTags:
        """Tags of the chain."""
        return self.genesis.tags

    # ------------------------------------------------------------ steps of all kinds

    def check_genesis(self) -> str:
        """Step 2: the chain, and the set to start with."""
        bundle, pinned = self.bundle, self.trust.digest
        if pinned is not None and bundle.digest != pinned:
            reason = f"it is of the chain {bundle.digest.hex()}, {pinned.hex()} is pinned"
            raise ProofInvalid("GENESIS_OTHER", reason)
        self.genesis = self._genesis()
        self.members, self.epoch, self.height = self._start()
        whose = "is the pinned one" if pinned is not None else "is the bundle's own choice"
        start = f"the set of epoch {self.epoch}, of {len(self.members.members)}"
        return f"chain {self.tags.chain_id}: its digest {whose}; starts with {start}"

    def check_boundaries(self) -> str:
        """Step 3: from set to set, over the ends of epochs."""
        self.ends = []
        for boundary in self.bundle.boundaries:
            header = self._header(boundary.header)
            if header.epoch < self.epoch or header.height <= self.height:
                reason = f"block {header.height} does not come after what is known"
                raise ProofInvalid("BOUNDARY_ORDER", reason)
            if not header.ends_epoch:
                reason = f"block {header.height} is not the last of its epoch"
                raise ProofInvalid("BOUNDARY_NOT_LAST", reason)
            check_names_set(self.tags, header, self.members)
            check_final(self.tags, self.members, header, boundary.certificate)
            after = set_from(boundary.next_set)
            if header.next_validator_set_hash != after.hash(self.tags):
                reason = f"block {header.height} commits to another next set"
                raise ProofInvalid("BOUNDARY_NEXT_SET", reason)
            self.members, self.epoch, self.height = after, header.epoch + 1, header.height
            self.ends.append(header)
        count = len(self.bundle.boundaries)
        if not count:
            return "the set has not changed since"
        changes = "1 change" if count == 1 else f"{count} changes"
        return f"{changes} of the set, each made final by the set before it"

    def check_headers(self) -> str:
        """Step 4: from the proved block to the certified one."""
        self.headers = [self._header(data) for data in self.bundle.headers]
        for parent, child in zip(self.headers, self.headers[1:], strict=False):
            is_child = child.parent_id == parent.block_id and child.height == parent.height + 1
            if not is_child or child.epoch != parent.epoch or parent.ends_epoch:
                reason = f"block {child.height} is no child of block {parent.height} in its epoch"
                raise ProofInvalid("HEADERS_UNLINKED", reason)
        first = self.headers[0]
        if len(self.headers) == 1:
            return f"block {first.height}, {first.block_id.hex()}"
        return f"block {first.height}, and {len(self.headers) - 1} blocks that follow it"

    def check_validators(self) -> str:
        """Step 5: the set is that of the block's epoch."""
        header = self.headers[0]
        if header.epoch < self.epoch or header.height <= self.height:
            reason = f"block {header.height} of epoch {header.epoch} is not after the boundaries"
            raise ProofInvalid("EPOCH_TOO_EARLY", reason)
        for each in self.headers:
            check_names_set(self.tags, each, self.members)
        return f"block {header.height} names the set that was reached"

    def check_certificate(self) -> str:
        """Step 6: the set made the last header final (E7)."""
        last = self.headers[-1]
        self.signers = check_final(self.tags, self.members, last, self.bundle.certificate)
        told = f"{len(self.signers)} of {len(self.members.members)} signed"
        return f"block {last.height} is final: {told}, the quorum is {self.members.quorum}"

    # ------------------------------------------------------------ steps of single kinds

    def check_transaction(self) -> str:
        """Step 7 of transactions and receipts: it is in the block."""
        subject, header = self._included(), self.headers[0]
        try:
            self.transaction = decode_transaction(self.tags, subject.data)
        except InvalidValue as error:
            raise ProofInvalid("TRANSACTION_MALFORMED", str(error)) from None
        found = self.transaction
        signature = hashlib.sha256(found.signature).digest()
        leaf = found.transaction_id + found.valid_until_ms.to_bytes(8, "big") + signature
        self._check_leaf(leaf, header.transaction_root, header.transaction_count)
        return f"transaction {subject.index + 1} of {header.transaction_count} of the block"

    def check_outcome(self) -> str:
        """Step 7 of outcomes: it is in the block."""
        subject, header = self._included(), self.headers[0]
        try:
            self.outcome = read_outcome(subject.data)
        except InvalidValue as error:
            raise ProofInvalid("OUTCOME_MALFORMED", str(error)) from None
        self._check_leaf(subject.data, header.outcome_root, header.outcome_count)
        return f"outcome {subject.index + 1} of {header.outcome_count} of the block"

    def check_signature(self) -> str:
        """Step 8: the sender signed it."""
        if not is_signed(self.tags, self.transaction):
            raise ProofInvalid("SIGNATURE_INVALID", "the signature is not the sender's")
        return "its sender signed it"

    def check_receipt(self) -> str:
        """Step 9: it is a receipt."""
        if self.transaction.action != "post_receipt":
            raise ProofInvalid("NOT_A_RECEIPT", f"it is a {self.transaction.action}")
        return "it is a receipt, and its sender the miner"

    def check_state(self) -> str:
        """Step 7 of accounts: the state has the record, or none."""
        subject, header = self.bundle.subject, self.headers[0]
        assert isinstance(subject, StatePart)
        key = account_key(subject.address)
        self.balance = None
        if subject.record is not None:
            try:
                self.balance = read_balance(subject.record)
            except InvalidValue as error:
                raise ProofInvalid("RECORD_MALFORMED", str(error)) from None
        told = None if subject.record is None else hashlib.sha256(subject.record).digest()
        try:
            if state_entry(subject.blob, key) != told:
                raise ProofInvalid("STATE_MISMATCH", "the entries do not have this record")
        except ValueError as error:
            raise ProofInvalid("STATE_MISMATCH", str(error)) from None
        root = state_root(subject.blob, subject.siblings, key, self.genesis.buckets)
        if root != header.state_root:
            raise ProofInvalid("STATE_MISMATCH", "the entries are not under the header's root")
        what = "has no such account" if self.balance is None else "has this record"
        return f"the state after block {header.height} {what}"

    # ------------------------------------------------------------ what follows

    def claims(self) -> Claims:
        """Return what is proved, after all steps have passed."""
        block, subject = self._block(), self.bundle.subject
        match self.bundle.kind:
            case "receipt":
                receipt = receipt_of(self.transaction)
                return ReceiptProof(block, self._included().index, receipt)
            case "transaction":
                return TransactionProof(block, self._included().index, self.transaction)
            case "outcome":
                return OutcomeProof(block, self._included().index, self.outcome)
            case "account":
                assert isinstance(subject, StatePart)
                is_live = self.balance is not None
                return BalanceProof(block, subject.address, self.balance or 0, is_live)
        return ValidatorsProof(block)

    def _block(self) -> ProvenBlock:
        header = self.headers[0]
        return ProvenBlock(
            genesis_digest=self.genesis.digest,
            chain_id=self.tags.chain_id,
            block_id=header.block_id,
            height=header.height,
            epoch=header.epoch,
            timestamp_ms=header.timestamp_ms,
            validators=self.members,
            signers=self.signers,
        )

    def _genesis(self) -> GenesisFacts:
        """Return the genesis: of the bundle where it has one, else as the reader has it."""
        bundle, own = self.bundle, self.trust.genesis
        if bundle.specification is None:
            if own is None:
                raise ProofInvalid("GENESIS_MISSING", "the genesis file is needed for this bundle")
            return own
        if hashlib.sha256(bundle.specification).digest() != bundle.digest:
            raise ProofInvalid("GENESIS_DIGEST_MISMATCH", "the genesis has another digest")
        try:
            return read_genesis_bytes(bundle.specification)
        except InvalidValue as error:
            raise ProofInvalid("GENESIS_MALFORMED", str(error)) from None

    def _start(self) -> tuple[ValidatorSet, int, int]:
        """Return the set to start with, its epoch, and the height before it."""
        since, known = self.bundle.since, self.trust.known
        if since is None:
            return usable_set(self.genesis.validators), 0, 0
        told = self.tags.digest("validator-set", since.members)
        if known.get(since.epoch) != told:
            reason = f"it starts with a set of epoch {since.epoch} that was not verified here"
            raise ProofInvalid("SINCE_UNKNOWN", reason)
        return set_from(since.members), since.epoch, 0

    def _header(self, data: bytes) -> Header:
        try:
            return read_header(self.tags, data)
        except InvalidValue as error:
            raise ProofInvalid("HEADER_MALFORMED", str(error)) from None

    def _included(self) -> Included:
        subject = self.bundle.subject
        assert isinstance(subject, Included)
        return subject

    def _check_leaf(self, leaf: bytes, root: bytes, count: int) -> None:
        subject = self._included()
        if root_over_path(leaf, subject.index, count, subject.path) != root:
            reason = f"it is not number {subject.index} under the header's root"
            raise ProofInvalid("INCLUSION_MISMATCH", reason)
