"""Vectors of proof bundles: those that hold with what they prove, and those that do not."""

from dataclasses import replace
from typing import Any, Final

import msgspec

from ledger.actions import action_name
from ledger.codec import encode
from ledger.keys import address_of, format_address
from ledger.outcomes import OutcomeKind
from ledger.proofs import (
    Foundation,
    GenesisPart,
    Proved,
    ProvedAccount,
    ProvedOutcome,
    ProvedTransaction,
    Trust,
    account_bundle,
    account_part,
    check_bundle,
    outcome_bundle,
    receipt_bundle,
    transaction_bundle,
    validators_bundle,
)
from ledger.types import Epoch, Height
from ledger.views import validator_set_hash
from tests.vectors.proof_chain import ChainBlock, Story, tell
from tests.vectors.proof_cuts import (
    ABSENT,
    ACCOUNT,
    BARE,
    BOUNDARY,
    FIRST_SET,
    LATER,
    OUTCOME,
    RECEIPT,
    SINCE,
    TRANSACTION,
    VALIDATORS,
)
from tests.vectors.proof_refusals import Trusts, refusals, texts, trust
from tests.vectors.world import CLIENT, Json, plain, pseudo_random

NOBODY: Final = pseudo_random("an account that nobody has", 20)


def proofs() -> Json:
    """Return the file: bundles with their claims, and patches of them with their verdicts."""
    story = tell()
    genesis, specification = story.chain.genesis, story.chain.specification
    trusts: Trusts = {
        "pinned": trust(genesis.digest),
        "pinned, with the genesis file": trust(genesis.digest, specification),
        "follower": trust(genesis.digest, known=sets(story)),
    }
    bundles = {name: msgspec.json.decode(data) for name, data in documents(story).items()}
    refused = refusals(story, bundles, trusts)
    return {
        "trusts": trusts,
        "bundles": [
            {
                "name": name,
                "trust": _trust_for(bundle),
                "bundle": bundle,
                "claims": _claims(bundle, trusts[_trust_for(bundle)]),
            }
            for name, bundle in bundles.items()
        ],
        "refused": refused,
        "malformed": texts(bundles),
    }


def sets(story: Story) -> dict[Epoch, bytes]:
    """Return the hash of each epoch's set: what a reader knows that has followed the chain."""
    tags = story.chain.tags
    return {
        block.header.epoch: validator_set_hash(tags, block.members) for block in story.chain.blocks
    }


def trust_of(named: Any) -> Trust:
    """Return what a reader brings along, from its form in the file."""
    specification = named["specification"]
    return Trust(
        bytes.fromhex(named["genesis_digest"]),
        specification=None if specification is None else bytes.fromhex(specification),
        known={int(epoch): bytes.fromhex(value) for epoch, value in named["known"].items()},
    )


def _trust_for(bundle: Any) -> str:
    """Return the least that a reader needs to bring along."""
    if bundle["since"] is not None:
        return "follower"
    is_bare = bundle["genesis"]["specification"] is None
    return "pinned, with the genesis file" if is_bare else "pinned"


def documents(story: Story) -> dict[str, bytes]:
    """Return the bundles that hold, by name."""
    chain = story.chain
    tip = len(chain.blocks) - 1
    boundary = chain.ends()[1]
    without = replace(
        chain.base(story.settled), genesis=GenesisPart(chain.genesis.digest.hex(), None)
    )
    return {
        RECEIPT: _receipt(story, chain.base(story.first_receipt), story.first_receipt),
        LATER: (_receipt(story, chain.base(story.second_receipt, through=3), story.second_receipt)),
        SINCE: _receipt(story, chain.base(story.second_receipt, since=1), story.second_receipt),
        TRANSACTION: _transaction(story, chain.base(story.transfers), story.transfers, 3),
        "transaction, the last of an odd number": _transaction(
            story, chain.base(story.transfers), story.transfers, 4
        ),
        OUTCOME: _outcome(story, chain.base(story.settled), story.settled),
        BOUNDARY: outcome_bundle(chain.base(boundary), _records(chain.blocks[boundary]), 0),
        BARE: _outcome(story, without, story.settled),
        ACCOUNT: _account(story, tip, CLIENT.address),
        "account of a reader that knows the set of epoch 2": _account(
            story, tip, CLIENT.address, since=2
        ),
        ABSENT: _account(story, tip, NOBODY),
        VALIDATORS: validators_bundle(chain.base(tip)),
        FIRST_SET: validators_bundle(chain.base(chain.ends()[0])),
    }


def _receipt(story: Story, base: Foundation, at: Height) -> bytes:
    block = story.chain.blocks[at]
    last = len(block.body) - 1
    return receipt_bundle(base, encode(block.body[last]), block.leaves(story.chain.tags), last)


def _transaction(story: Story, base: Foundation, at: Height, index: int) -> bytes:
    block = story.chain.blocks[at]
    leaves = block.leaves(story.chain.tags)
    return transaction_bundle(base, encode(block.body[index]), leaves, index)


def _outcome(story: Story, base: Foundation, at: Height) -> bytes:
    kinds = [outcome.kind for outcome in story.chain.blocks[at].outcomes]
    index = kinds.index(OutcomeKind.JOB_SETTLED)
    return outcome_bundle(base, _records(story.chain.blocks[at]), index)


def _account(story: Story, at: Height, address: bytes, since: Epoch | None = None) -> bytes:
    account = account_part(story.chain.blocks[at].view.state, address)
    return account_bundle(story.chain.base(at, since=since), account)


def _records(block: ChainBlock) -> list[bytes]:
    return [encode(outcome) for outcome in block.outcomes]


def _claims(bundle: Any, named: Json) -> Json:
    return claims(check_bundle(msgspec.json.encode(bundle), trust_of(named)))


def claims(proved: Proved) -> Json:
    """Return what a bundle proves as the vectors have it."""
    header = proved.block.header
    return {
        "chain_id": proved.chain_id,
        "block_id": proved.block.block_id.hex(),
        "height": str(header.height),
        "epoch": str(header.epoch),
        "timestamp_ms": str(header.timestamp_ms),
        "validators": [plain(member) for member in proved.block.validators.members],
        "signers": [str(signer) for signer in proved.block.signers],
        "claim": _claim(proved),
    }


def _claim(proved: Proved) -> Json:
    claim = proved.claim
    if isinstance(claim, ProvedTransaction):
        transaction = claim.signed.transaction
        return {
            "transaction_id": claim.transaction_id.hex(),
            "index": str(claim.index),
            "sender": format_address(address_of(transaction.sender_public_key)),
            "action": action_name(transaction.action),
            "fields": plain(transaction.action),
        }
    if isinstance(claim, ProvedOutcome):
        return {"index": str(claim.index), "outcome": plain(claim.outcome)}
    if isinstance(claim, ProvedAccount):
        record = claim.record
        return {
            "address": format_address(claim.address),
            "exists": record is not None,
            "balance": "0" if record is None else str(record.balance),
        }
    return None
