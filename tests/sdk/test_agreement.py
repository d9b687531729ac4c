"""The SDK and the ledger, two implementations of one format, compared on any value."""

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st

import aitbc
from aitbc import ChainTags, InvalidValue, SigningKey, action_array, fee_for, read_transaction
from aitbc import sign_transaction as sdk_sign
from aitbc.field_checks import FieldValue
from ledger import transaction
from ledger.actions import Action, action_name
from ledger.codec import encode
from ledger.errors import CodecError, SignatureInvalid
from ledger.fees import least_fee
from ledger.hashing import Tags, chain_id_of
from ledger.keys import KeyPair, format_address, parse_address
from ledger.params import Parameters
from ledger.transaction import Transaction, sign, transaction_id, transaction_id_of_bytes
from tests.ledger.wire_values import values_of

ACTIONS = values_of(Action)
SEEDS = st.binary(min_size=32, max_size=32)
DIGESTS = st.binary(min_size=32, max_size=32)


def sdk_fields(action: Action) -> dict[str, FieldValue]:
    """Return an action's fields as plain values."""
    array = msgpack.unpackb(encode(action))
    return dict(zip(action.__struct_fields__, array[1:], strict=True))


def chain_of(digest: bytes) -> tuple[Tags, ChainTags]:
    return Tags(digest), ChainTags(chain_id_of("agree", digest), digest)


@given(ACTIONS)
@settings(max_examples=150)
def test_every_action_has_the_ledgers_bytes(action: Action) -> None:
    array = action_array(action_name(action), **sdk_fields(action))
    assert msgpack.packb(array) == encode(action)


@given(
    action=ACTIONS,
    seed=SEEDS,
    digest=DIGESTS,
    fee=st.integers(0, 2**63 - 1),
    valid_until_ms=st.integers(0, 2**48 - 1),
    salt=st.binary(min_size=16, max_size=16),
)
@settings(max_examples=60)
def test_signed_transactions_are_the_same_bytes(
    action: Action, seed: bytes, digest: bytes, fee: int, valid_until_ms: int, salt: bytes
) -> None:
    tags, sdk_tags = chain_of(digest)
    key = KeyPair(seed)
    unsigned = Transaction(1, sdk_tags.chain_id, key.public_key, action, fee, valid_until_ms, salt)
    array = action_array(action_name(action), **sdk_fields(action))
    made = sdk_sign(
        sdk_tags, SigningKey(seed), array, fee=fee, valid_until_ms=valid_until_ms, salt=salt
    )
    assert made.signed == encode(sign(tags, unsigned, key))
    assert made.transaction_id == transaction_id(tags, unsigned)
    read = read_transaction(sdk_tags, made.signed)
    assert (read.sender, read.fields) == (key.address, sdk_fields(action))


@given(data=st.data(), action=ACTIONS, seed=SEEDS)
@settings(max_examples=60)
def test_both_refuse_the_same_changed_bytes(
    data: st.DataObject, action: Action, seed: bytes
) -> None:
    tags, sdk_tags = chain_of(bytes(32))
    key = KeyPair(seed)
    unsigned = Transaction(1, sdk_tags.chain_id, key.public_key, action, 7, 8, bytes(16))
    good = encode(sign(tags, unsigned, key))
    at = data.draw(st.integers(0, len(good) - 1))
    cut = data.draw(st.integers(0, 2))
    changed = good[:at] + data.draw(st.binary(max_size=3)) + good[at + cut :]
    assert sdk_accepts(sdk_tags, changed) == ledger_accepts(tags, changed)


def sdk_accepts(tags: ChainTags, data: bytes) -> bool:
    try:
        read_transaction(tags, data)
    except InvalidValue:
        return False
    return True


def ledger_accepts(tags: Tags, data: bytes) -> bool:
    try:
        decoded = transaction.CODEC.decode(data)
        transaction.verify_signature(tags, transaction_id_of_bytes(tags, data), decoded)
    except (CodecError, SignatureInvalid):
        return False
    inner = decoded.transaction
    return (inner.version, inner.chain_id) == (1, chain_id_of("agree", tags.genesis_digest))


@given(action=ACTIONS, seed=SEEDS, is_new=st.booleans())
@settings(max_examples=60)
def test_the_fee_covers_what_the_ledger_asks_and_little_more(
    action: Action, seed: bytes, is_new: bool
) -> None:
    tags, sdk_tags = chain_of(bytes(32))
    parameters, key = Parameters(), KeyPair(seed)
    array = action_array(action_name(action), **sdk_fields(action))
    account_fee = parameters.account_fee if is_new else 0
    fee = fee_for(array, parameters.fee_base, parameters.fee_per_byte, account_fee)
    unsigned = Transaction(1, sdk_tags.chain_id, key.public_key, action, fee, 2**48 - 1, bytes(16))
    size = len(encode(sign(tags, unsigned, key)))
    least = least_fee(parameters, size, creates_account=is_new)
    assert least <= fee <= least + 64 * parameters.fee_per_byte


@given(st.binary(min_size=20, max_size=20))
def test_addresses_have_one_text(address: bytes) -> None:
    text = aitbc.format_address(address)
    assert text == format_address(address)
    assert aitbc.parse_address(text) == parse_address(text) == address
