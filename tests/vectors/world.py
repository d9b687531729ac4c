"""The chain, keys and actions that all vectors are made of: fixed, so that files do not change."""

import enum
import hashlib
from typing import Final

import msgspec

from ledger import actions
from ledger.fees import is_fee_free
from ledger.hashing import Tags, chain_id_of
from ledger.keys import KeyPair
from ledger.motions import Motion
from ledger.statements import SignedStatement, Statement
from ledger.transaction import SignedTransaction, Transaction, sign
from ledger.types import AMOUNT_MAX, COUNT_MAX, TIMESTAMP_MS_MAX
from tests.vectors.governance import governance_actions

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
"""What a vector file is made of."""

CHAIN_NAME: Final = "vectors"
GENESIS_DIGEST: Final = hashlib.sha256(b"aitbc vectors: the genesis that nobody has").digest()
TAGS: Final = Tags(GENESIS_DIGEST)
CHAIN_ID: Final = chain_id_of(CHAIN_NAME, GENESIS_DIGEST)
NOW_MS: Final = 1_760_000_000_000

ROLES: Final = ("client", "coordinator", "miner", "validator", "payout", "other")
KEYS: Final = {role: KeyPair(hashlib.sha256(f"vectors/{role}".encode()).digest()) for role in ROLES}
CLIENT, COORDINATOR, MINER = (KEYS[role] for role in ROLES[:3])


def pseudo_random(what: str, size: int = 32) -> bytes:
    """Return bytes that look random and are the same each time."""
    return hashlib.shake_128(f"vectors/{what}".encode()).digest(size)


JOB_ID: Final = pseudo_random("job")
RECEIPT_ID: Final = pseudo_random("receipt")
PAYLOAD_DIGEST: Final = pseudo_random("payload digest")
OFFER_ID: Final = pseudo_random("offer")
REQUIREMENTS_DIGEST: Final = pseudo_random("requirements digest")
CAPABILITIES_DIGEST: Final = pseudo_random("capabilities digest")

SUBMIT: Final = actions.SubmitJob(
    COORDINATOR.address,
    "llm_inference",
    PAYLOAD_DIGEST,
    5_000_000,
    NOW_MS + 60_000,
    NOW_MS + 600_000,
    0,
    streamed=False,
    verification=actions.Verification.NONE,
)
RECEIPT: Final = actions.PostReceipt(
    JOB_ID,
    1,
    CLIENT.address,
    COORDINATOR.address,
    PAYLOAD_DIGEST,
    4_000_000,
    pseudo_random("result digest"),
    128_000_000,
    actions.UnitType.TOKENS,
    3_200_000,
    "smollm2-135m",
    NOW_MS + 5_000,
    NOW_MS + 6_000,
)
ACTIONS: Final[list[tuple[str, KeyPair, actions.Action]]] = [
    ("transfer", CLIENT, actions.Transfer(MINER.address, 1_000_000_000)),
    ("transfer of the largest amount", CLIENT, actions.Transfer(bytes(20), AMOUNT_MAX)),
    (
        "register_miner",
        MINER,
        actions.RegisterMiner(
            "Lab-7.gpu_0", CAPABILITIES_DIGEST, 1_000, 10**9, actions.Custody.OWN
        ),
    ),
    (
        "register_miner with the longest name",
        MINER,
        actions.RegisterMiner("a" * 63, CAPABILITIES_DIGEST, 0, 0, actions.Custody.MANAGED),
    ),
    ("update_miner", MINER, actions.UpdateMiner(CAPABILITIES_DIGEST, 65_536)),
    ("retire_miner", MINER, actions.RetireMiner()),
    ("submit_job", CLIENT, SUBMIT),
    (
        "submit_job streamed, with a dispute window",
        CLIENT,
        msgspec.structs.replace(
            SUBMIT, streamed=True, dispute_ms=86_400_000, verification=actions.Verification.SPOT
        ),
    ),
    (
        "assign_job",
        COORDINATOR,
        actions.AssignJob(
            JOB_ID, 1, MINER.address, 4_000_000, actions.UnitType.TOKENS, 25_000, NOW_MS + 120_000
        ),
    ),
    (
        "assign_job without a unit price",
        COORDINATOR,
        actions.AssignJob(
            JOB_ID, COUNT_MAX, MINER.address, 0, actions.UnitType.NONE, 0, TIMESTAMP_MS_MAX
        ),
    ),
    ("release_job", MINER, actions.ReleaseJob(JOB_ID, 1, actions.Reason.BAD_INPUT)),
    ("post_receipt", MINER, RECEIPT),
    (
        "post_receipt of a service without a model",
        MINER,
        msgspec.structs.replace(RECEIPT, model="", unit_type=actions.UnitType.NONE, units_micro=0),
    ),
    (
        "attest_receipt",
        COORDINATOR,
        actions.AttestReceipt(JOB_ID, RECEIPT_ID, actions.AttestationKind.DELIVERY),
    ),
    ("accept_receipt", CLIENT, actions.AcceptReceipt(JOB_ID, RECEIPT_ID)),
    (
        "dispute_receipt",
        COORDINATOR,
        actions.DisputeReceipt(JOB_ID, RECEIPT_ID, actions.Reason.RESULT_NOT_DELIVERED, 0),
    ),
    (
        "dispute_receipt of a client, with a bond",
        CLIENT,
        actions.DisputeReceipt(JOB_ID, RECEIPT_ID, actions.Reason.RESULT_MALFORMED, 10_000_000),
    ),
    ("fail_job", COORDINATOR, actions.FailJob(JOB_ID, 0, actions.Reason.NO_PAYLOAD)),
    ("cancel_job", CLIENT, actions.CancelJob(JOB_ID, 2_000_000)),
    (
        "post_offer",
        MINER,
        actions.PostOffer(
            "image-classification", 1_000_000, 10, REQUIREMENTS_DIGEST, NOW_MS + 3_600_000
        ),
    ),
    (
        "post_offer of the largest capacity, for nothing",
        MINER,
        actions.PostOffer("llm_inference", 0, 1_000_000, REQUIREMENTS_DIGEST, TIMESTAMP_MS_MAX),
    ),
    ("withdraw_offer", MINER, actions.WithdrawOffer(OFFER_ID)),
    ("accept_offer", CLIENT, actions.AcceptOffer(JOB_ID, OFFER_ID, 1_000_000)),
    *governance_actions(TAGS, KEYS, pseudo_random),
]
"""What each case is called, who signs it, and the action: every kind at least once."""


def transaction_of(name: str, key: KeyPair, action: actions.Action) -> Transaction:
    """Return the transaction of a case."""
    fee = 0 if is_fee_free(action) else 6_000
    salt = pseudo_random("salt " + name, 16)
    return Transaction(1, CHAIN_ID, key.public_key, action, fee, NOW_MS + 120_000, salt)


def signed_transactions() -> list[SignedTransaction]:
    """Return the signed transactions of all cases, in order."""
    return [sign(TAGS, transaction_of(name, key, act), key) for name, key, act in ACTIONS]


def plain(value: object) -> Json:
    """Return a value as JSON: bytes in hex, integers as decimal strings, structs by field name.

    Motions and signed statements, which stand inside actions, are arrays as on the wire: those of
    kinds begin with the number of their kind.
    """
    if isinstance(value, Motion | Statement | SignedStatement):
        number = value.__struct_config__.tag
        fields = [plain(getattr(value, name)) for name in value.__struct_fields__]
        return fields if number is None else [str(number), *fields]
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, enum.IntEnum):
        return str(value.value)
    if value is None or isinstance(value, bool | str):
        return value
    assert isinstance(value, int), value
    return str(value)
