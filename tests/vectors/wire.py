"""Vectors of what is hashed and stored: transactions, headers, outcomes, records, digests."""

import hashlib
from typing import Final

import msgspec
import rfc8785

from ledger import actions
from ledger.block import ZERO_HASH, Block, Header, block_id
from ledger.codec import encode
from ledger.hashing import Purpose
from ledger.merkle import EMPTY_ROOT, merkle_root, transaction_leaf
from ledger.outcomes import Outcome, OutcomeKind
from ledger.params import Parameters
from ledger.records import (
    Account,
    Assignment,
    Coordinator,
    DisputeRecord,
    Gap,
    Job,
    JobState,
    Miner,
    MinerNameClaim,
    MinerOffers,
    Offer,
    ReceiptRecord,
    Record,
    Supply,
    Table,
    Unbonding,
    Validator,
    ValidatorSet,
    state_key,
)
from ledger.transaction import SignedTransaction, sign, transaction_id
from tests.vectors.council import (
    GOVERNANCE_OUTCOMES,
    governance_outcome,
    governance_records,
)
from tests.vectors.world import (
    ACTIONS,
    CAPABILITIES_DIGEST,
    CHAIN_ID,
    CLIENT,
    COORDINATOR,
    JOB_ID,
    KEYS,
    MINER,
    NOW_MS,
    OFFER_ID,
    PAYLOAD_DIGEST,
    RECEIPT_ID,
    REQUIREMENTS_DIGEST,
    TAGS,
    Json,
    plain,
    pseudo_random,
    signed_transactions,
    transaction_of,
)

VALIDATORS: Final = ValidatorSet(
    (Validator(KEYS["validator"].public_key, "validator-1", KEYS["payout"].address),)
)


def transactions() -> Json:
    """One signed transaction of every action, and more where an encoding changes its width."""
    cases: list[Json] = []
    for name, key, action in ACTIONS:
        transaction = transaction_of(name, key, action)
        signed = sign(TAGS, transaction, key)
        role = next(role for role, known in KEYS.items() if known is key)
        cases.append(
            {
                "name": name,
                "signer": role,
                "action": actions.action_name(action),
                "fields": plain(action),
                "fee": str(transaction.fee),
                "valid_until_ms": str(transaction.valid_until_ms),
                "salt": transaction.salt.hex(),
                "unsigned": encode(transaction).hex(),
                "id": transaction_id(TAGS, transaction).hex(),
                "signature": signed.signature.hex(),
                "signed": encode(signed).hex(),
                "leaf": _leaf_of(signed).hex(),
            }
        )
    return cases


def digests() -> Json:
    """Digests of payloads and results (J20, J21), the miner's challenge (T6), capabilities."""
    return {
        "payload": _payload(),
        "result": _result(),
        "challenge": _challenge(),
        "capabilities": _capabilities(),
    }


def _payload() -> Json:
    document: Json = {
        "service": "llm_inference",
        "model": "smollm2-135m",
        "input": "Zwei Zeilen,\n\u00fcber \u03a9",
        "params": {"temperature": 0.7, "max_tokens": 128},
    }
    data, blind = canonical_json(document), pseudo_random("blind")
    inner = hashlib.sha256(data).digest()
    return {
        "json": document,
        "canonical_json": data.hex(),
        "blind": blind.hex(),
        "digest": TAGS.digest(Purpose.PAYLOAD, blind + inner).hex(),
    }


def _result() -> Json:
    document: Json = {"text": "an answer", "artifacts": [], "metadata": {"tokens": 2}}
    data, salt, attempt = canonical_json(document), pseudo_random("result salt"), 2
    bound = JOB_ID + attempt.to_bytes(8, "big") + MINER.address + salt
    return {
        "json": document,
        "canonical_json": data.hex(),
        "job_id": JOB_ID.hex(),
        "attempt": str(attempt),
        "miner": MINER.address.hex(),
        "salt": salt.hex(),
        "digest": TAGS.digest(Purpose.RESULT, bound + hashlib.sha256(data).digest()).hex(),
    }


def _challenge() -> Json:
    nonce, expires = pseudo_random("nonce"), NOW_MS + 60_000
    fields = [CHAIN_ID, COORDINATOR.address, MINER.public_key, nonce, expires]
    message = TAGS[Purpose.CHALLENGE] + encode(fields)
    return {
        "coordinator": COORDINATOR.address.hex(),
        "public_key": MINER.public_key.hex(),
        "nonce": nonce.hex(),
        "expires_at_ms": str(expires),
        "message": message.hex(),
        "signature": MINER.sign(message).hex(),
    }


def _capabilities() -> Json:
    document: Json = {
        "capabilities": ["ffmpeg_transcode", "llm_inference"],
        "aliases": {"gpt-4": "smollm2-135m"},
        "gpu_info": None,
        "price": "0.05",
    }
    data = canonical_json(document)
    return {
        "json": document,
        "canonical_json": data.hex(),
        "digest": hashlib.sha256(data).hexdigest(),
    }


def canonical_json(document: Json) -> bytes:
    """Return the RFC 8785 bytes of a document."""
    return rfc8785.dumps(document)


def outcomes() -> Json:
    """One outcome record of every kind, and the root over all of them in this order (J28)."""
    records = [_outcome(kind) for kind in OutcomeKind]
    return {
        "records": [
            {"kind": r.kind.name, "fields": plain(r), "bytes": encode(r).hex()} for r in records
        ],
        "root": merkle_root([encode(r) for r in records]).hex(),
    }


AUTOMATIC: Final = {
    OutcomeKind.JOB_EXPIRED,
    OutcomeKind.BOND_RETURNED,
    OutcomeKind.OFFER_EXPIRED,
}


def _outcome(kind: OutcomeKind) -> Outcome:
    """Return a record of the shape that `OutcomeKind` describes."""
    if kind in GOVERNANCE_OUTCOMES:
        return governance_outcome(kind)
    automatic = kind in AUTOMATIC
    cause = b"" if automatic else pseudo_random(f"cause {kind.name}")
    miner_event = OutcomeKind.MINER_REGISTERED <= kind <= OutcomeKind.MINER_RETIRED
    subject = MINER.address if miner_event else JOB_ID
    if OutcomeKind.OFFER_POSTED <= kind <= OutcomeKind.OFFER_EXPIRED:
        return Outcome(kind, cause, OFFER_ID, 9, (MINER.address,), (1_000_000,))
    if kind == OutcomeKind.JOB_SETTLED:
        three = (MINER.address, COORDINATOR.address, CLIENT.address)
        return Outcome(kind, cause, subject, 0, three, (3_040_000, 160_000, 1_800_000))
    if kind == OutcomeKind.JOB_CANCELLED:
        two = (MINER.address, CLIENT.address)
        return Outcome(kind, cause, subject, 0, two, (2_000_000, 3_000_000))
    informative = {OutcomeKind.JOB_ASSIGNED, OutcomeKind.JOB_RELEASED, OutcomeKind.RECEIPT_POSTED}
    owner = MINER if miner_event or kind in informative else CLIENT
    return Outcome(kind, cause, subject, 1, (owner.address,), (5_000_000,))


def blocks() -> Json:
    """The validator set's hash, headers with their ids, and whole blocks with their roots."""
    set_hash = TAGS.digest(Purpose.VALIDATOR_SET, encode(VALIDATORS))
    genesis = Header(
        1, CHAIN_ID, 0, 0, 0, ZERO_HASH, 0, NOW_MS, ZERO_HASH, EMPTY_ROOT, 0, EMPTY_ROOT, 0,
        pseudo_random("genesis state root"), set_hash, ZERO_HASH,
    )  # fmt: skip
    body = tuple(signed_transactions())
    record = encode(_outcome(OutcomeKind.JOB_LOCKED))
    child = msgspec.structs.replace(
        genesis,
        view=7,
        height=1,
        parent_id=block_id(TAGS, genesis),
        timestamp_ms=NOW_MS + 1,
        proposer=KEYS["validator"].public_key,
        transaction_root=merkle_root([_leaf_of(signed) for signed in body]),
        transaction_count=len(body),
        outcome_root=merkle_root([record]),
        outcome_count=1,
        state_root=pseudo_random("state root"),
        next_validator_set_hash=set_hash,
    )
    return {
        "validator_set": {
            "fields": plain(VALIDATORS),
            "bytes": encode(VALIDATORS).hex(),
            "hash": set_hash.hex(),
        },
        "blocks": [_block(Block(genesis, ())), _block(Block(child, body))],
    }


def _block(block: Block) -> Json:
    return {
        "header": plain(block.header),
        "header_bytes": encode(block.header).hex(),
        "id": block_id(TAGS, block.header).hex(),
        "transactions": [encode(signed).hex() for signed in block.transactions],
        "bytes": encode(block).hex(),
    }


def records() -> Json:
    """One record of every table and phase, by its key."""
    cases: list[Json] = []
    for table, object_id, record in sample_records():
        cases.append(
            {
                "table": table.name,
                "id": object_id.hex(),
                "key": state_key(table, object_id).hex(),
                "fields": plain(record),
                "value": encode(record).hex(),
            }
        )
    return cases


def sample_records() -> list[tuple[Table, bytes, Record]]:
    """Return (table, id, record): every table, and a job in every phase."""
    parameters = Parameters()
    queued = Job(
        CLIENT.address, COORDINATOR.address, "llm_inference", PAYLOAD_DIGEST, 5_000_000,
        NOW_MS + 60_000, NOW_MS + 600_000, 0, False, actions.Verification.NONE, 500, 5_000, 15_000,
        600_000, 259_200_000, 10_000_000, 8, JobState.QUEUED, 0, None, None, None,
    )  # fmt: skip
    assignment = Assignment(
        MINER.address, 4_000_000, actions.UnitType.TOKENS, 25_000, NOW_MS + 120_000
    )
    replace = msgspec.structs.replace
    running = replace(queued, state=JobState.RUNNING, attempt=1, assignment=assignment)
    receipt = ReceiptRecord(RECEIPT_ID, NOW_MS + 7_000, 3_200_000, False, False, NOW_MS + 607_000)
    paid = replace(running, state=JobState.RECEIPT_IN, receipt=receipt)
    dispute = DisputeRecord(COORDINATOR.address, 0, NOW_MS + 259_208_000)
    disputed = replace(paid, state=JobState.DISPUTED, dispute=dispute)
    by_client = replace(dispute, opener=CLIENT.address, bond=10_000_000)
    return [
        (Table.PARAMETERS, b"", parameters),
        (Table.VALIDATORS, b"", VALIDATORS),
        (Table.COORDINATOR, COORDINATOR.address, Coordinator("coordinator-1")),
        (Table.ACCOUNT, CLIENT.address, Account(2**62)),
        (
            Table.MINER,
            MINER.address,
            Miner("Lab-7", CAPABILITIES_DIGEST, 1_000, 10**9, actions.Custody.OWN, 3),
        ),
        (Table.MINER_NAME, b"lab-7", MinerNameClaim(MINER.address)),
        (Table.UNBONDING, pseudo_random("retirement"), Unbonding(MINER.address, 10**9, NOW_MS)),
        (Table.JOB, pseudo_random("queued job"), queued),
        (Table.JOB, JOB_ID, running),
        (Table.JOB, pseudo_random("job with a receipt"), paid),
        (Table.JOB, pseudo_random("disputed job"), disputed),
        (
            Table.JOB,
            pseudo_random("job disputed by its client"),
            replace(disputed, dispute=by_client),
        ),
        (Table.GAP, b"", Gap(NOW_MS - 3_600_000, NOW_MS, NOW_MS + 60_000)),
        (Table.SUPPLY, b"", Supply(2**62 - 10**9, 10**9)),
        *governance_records(VALIDATORS),
        (
            Table.OFFER,
            OFFER_ID,
            Offer(
                MINER.address, "llm_inference", 1_000_000, 9, REQUIREMENTS_DIGEST, NOW_MS + 60_000
            ),
        ),
        (Table.MINER_OFFERS, MINER.address, MinerOffers((pseudo_random("offer 2"), OFFER_ID))),
    ]


def _leaf_of(signed: SignedTransaction) -> bytes:
    transaction = signed.transaction
    identifier = transaction_id(TAGS, transaction)
    return transaction_leaf(identifier, transaction.valid_until_ms, signed.signature)
