"""A transaction's own checks, in the order of T7, each by its attack (T1 to T7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger import admission
from ledger.actions import AssignJob, AttestationKind, AttestReceipt, Transfer
from ledger.codec import encode
from ledger.errors import (
    BytesMalformed,
    BytesNotCanonical,
    BytesTooLarge,
    CodecError,
    LedgerError,
    SignatureInvalid,
    TransactionRejected,
)
from ledger.execution import check_can_pay
from ledger.fees import fee_free_slot, spend_of
from ledger.hashing import Tags, sha256
from ledger.jobs import Row
from ledger.params import TRANSACTION_BYTES_MAX
from ledger.rejections import (
    AlreadyIncluded,
    InsufficientBalance,
    TransactionExpired,
    ValidUntilTooFar,
    VersionUnsupported,
    WrongChain,
)
from ledger.transaction import SignedTransaction, sign, transaction_id, verify_signature
from ledger.types import TIMESTAMP_MS_MAX
from tests.ledger.phases import ACTION_OF, Phase, job_in
from tests.ledger.worlds import PEOPLE, World

CLIENT, MINER = PEOPLE.client, PEOPLE.miner


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def signed(world: World) -> SignedTransaction:
    return world.sign(CLIENT, Transfer(MINER.address, 5))


def test_t7_size_is_looked_at_before_anything_else() -> None:
    with pytest.raises(BytesTooLarge):
        admission.decode_transaction(b"\xff" * (TRANSACTION_BYTES_MAX + 1))


@given(st.binary(max_size=300))
def test_t7_arbitrary_bytes_are_a_typed_error(data: bytes) -> None:
    with pytest.raises(CodecError):
        admission.decode_transaction(data)


def test_t7_a_second_encoding_of_a_transaction_is_refused(signed: SignedTransaction) -> None:
    data = encode(signed)
    assert admission.decode_transaction(data) == signed
    # The amount 5 as a two-byte integer: the same value, other bytes.
    wide = data.replace(MINER.address + b"\x05", MINER.address + b"\xcc\x05")
    assert wide != data
    with pytest.raises(BytesNotCanonical):
        admission.decode_transaction(wide)
    with pytest.raises(BytesMalformed):
        admission.decode_transaction(data + b"\x00")


def test_t4_a_transaction_for_another_genesis_of_the_same_name_is_refused(world: World) -> None:
    other = replace(
        world.sign(CLIENT, Transfer(MINER.address, 5)).transaction, chain_id="tests-" + "0" * 16
    )
    with pytest.raises(WrongChain):
        world.block(sign(world.head.tags, other, CLIENT))


def test_t4_a_signature_under_another_genesis_means_nothing_here(
    world: World, signed: SignedTransaction
) -> None:
    elsewhere = Tags(sha256(b"another genesis"))
    foreign = sign(elsewhere, signed.transaction, CLIENT)
    own_id = transaction_id(world.head.tags, signed.transaction)
    assert own_id != transaction_id(elsewhere, signed.transaction)
    with pytest.raises(SignatureInvalid):
        verify_signature(world.head.tags, own_id, foreign)


def test_t5_a_signature_over_the_bytes_alone_is_none(
    world: World, signed: SignedTransaction
) -> None:
    own_id = transaction_id(world.head.tags, signed.transaction)
    for message in (encode(signed.transaction), own_id):
        forged = SignedTransaction(signed.transaction, CLIENT.sign(message))
        with pytest.raises(SignatureInvalid):
            verify_signature(world.head.tags, own_id, forged)


@pytest.mark.parametrize("version", [0, 2, -1, 2**63])
def test_other_versions_are_refused(world: World, version: int) -> None:
    transaction = world.sign(CLIENT, Transfer(MINER.address, 5)).transaction
    with pytest.raises(VersionUnsupported):
        admission.check_transaction_sanity(
            world.head.header.chain_id, replace(transaction, version=version)
        )


def test_t1_a_transaction_is_valid_until_its_last_millisecond(world: World) -> None:
    signed = world.sign(CLIENT, Transfer(MINER.address, 5), valid_for_ms=50)
    with pytest.raises(TransactionExpired):
        world.block(signed, after_ms=51)
    world.block(signed, after_ms=50)


def test_t1_a_transaction_is_not_valid_beyond_the_horizon(world: World) -> None:
    horizon_ms = world.head.parameters.horizon_ms
    signed = world.sign(CLIENT, Transfer(MINER.address, 5), valid_for_ms=horizon_ms + 2)
    with pytest.raises(ValidUntilTooFar):
        world.block(signed)
    world.block(signed, after_ms=2)


@pytest.mark.parametrize("valid_until_ms", [0, TIMESTAMP_MS_MAX])
def test_t1_extreme_times_are_refused(world: World, valid_until_ms: int) -> None:
    signed = world.sign(CLIENT, Transfer(MINER.address, 5))
    extreme = sign(
        world.head.tags, replace(signed.transaction, valid_until_ms=valid_until_ms), CLIENT
    )
    with pytest.raises((TransactionExpired, ValidUntilTooFar)):
        world.block(extreme)


def test_t1_a_replay_is_refused_in_the_same_block_in_a_child_and_after_finality(
    world: World, signed: SignedTransaction
) -> None:
    with pytest.raises(AlreadyIncluded):
        world.block(signed, signed)
    world.block(signed, finalize=False)
    with pytest.raises(AlreadyIncluded):
        world.block(signed)
    world.finalize()
    with pytest.raises(AlreadyIncluded):
        world.block(signed)


def test_t1_a_replay_after_expiry_is_refused_although_its_id_is_forgotten(
    world: World, signed: SignedTransaction
) -> None:
    world.block(signed)
    world.block(after_ms=700_000)
    own_id = world.id_of(signed)
    assert not world.head.seen.contains(own_id, signed.transaction.valid_until_ms)
    with pytest.raises(TransactionExpired):
        world.block(signed)


def test_t1_two_transactions_that_differ_by_salt_both_count(world: World) -> None:
    before = world.balance(MINER.address)
    world.block(*(world.sign(CLIENT, Transfer(MINER.address, 5)) for _ in range(2)))
    assert world.balance(MINER.address) == before + 10


def test_t7_a_sender_cannot_pool_more_than_it_has(world: World, signed: SignedTransaction) -> None:
    size = len(encode(signed))
    spend = spend_of(signed.transaction)
    rest = world.balance(CLIENT.address) - spend
    state, parameters = world.head.state, world.head.parameters
    assert check_can_pay(state, parameters, signed.transaction, size, rest) == spend
    with pytest.raises(InsufficientBalance):
        check_can_pay(state, parameters, signed.transaction, size, rest + 1)


def test_t7_a_fee_free_action_has_one_slot_for_each_attempt_and_signer(world: World) -> None:
    world.register()
    job_id = job_in(world, Phase.R)
    slots = []
    for key, action_of in ACTION_OF.values():
        first, second = (world.sign(key, action_of(world, job_id), fee=0) for _ in range(2))
        assert fee_free_slot(first.transaction) == fee_free_slot(second.transaction)
        slots.append(fee_free_slot(first.transaction))
    paying = [slot for slot in slots if slot is None]
    free_not = {Row.ACCEPT, Row.ACCEPT_OFFER, Row.CANCEL, Row.DISPUTE_BY_CLIENT}
    assert len(paying) == len(free_not)
    assert len(set(slots)) == len(slots) - len(paying) + 1, "all others differ from each other"


def test_t7_each_attestation_has_a_slot_of_its_own(world: World) -> None:
    kinds = (AttestationKind.DELIVERY, AttestationKind.RERUN)
    actions = [
        AttestReceipt(bytes(32), receipt, kind)
        for receipt in (bytes(32), b"\x01" * 32)
        for kind in kinds
    ]
    slots = {fee_free_slot(world.sign(PEOPLE.coordinator, a, fee=0).transaction) for a in actions}
    assert len(slots) == 4


def test_the_pool_can_ask_whether_a_block_would_take_a_transaction(world: World) -> None:
    world.register()
    job_id = world.submit()
    root = world.head.state.root
    right = world.sign(PEOPLE.coordinator, world.assignment(job_id))
    wrong = world.sign(PEOPLE.coordinator, world.assignment(job_id, attempt=7))
    for signed, refused in ((right, False), (wrong, True)):
        arguments = (world.head, signed.transaction, world.id_of(signed), len(encode(signed)))
        if refused:
            with pytest.raises(TransactionRejected):
                admission.check_applies(*arguments, world.now_ms + 1)
        else:
            admission.check_applies(*arguments, world.now_ms + 1)
    assert world.head.state.root == root
    assert isinstance(right.transaction.action, AssignJob)
    world.block(right)


def test_every_rejection_has_a_code_of_its_own() -> None:
    codes: dict[str, type] = {}
    pending = [LedgerError]
    while pending:
        error = pending.pop()
        pending += error.__subclasses__()
        if "code" in vars(error):
            assert codes.setdefault(error.code, error) is error, error.code
    assert len(codes) > 50
