"""What votes and evidence cost with a set as large as it may be, many ballots open.

Signatures inside actions are counted apart, as `block_steps.weight_of` does.
"""

from collections.abc import Sequence

from bench.chain import BenchChain, key_of
from bench.timing import seconds_to_apply
from ledger.actions import Action, CastVote, SubmitEvidence, nested_signatures
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.motions import IssueUnits, Motion, SetParameter
from ledger.params import SIGNATURE_WEIGHT_US, VALIDATORS_MAX
from ledger.statements import Notarize, SignedStatement, signed_bytes
from ledger.types import Hash

ACCOUNTS = 200
BALLOTS = 200
"""Open while votes are measured."""


def governance_costs() -> dict[type[Action], float]:
    """Return the dearest cost of a vote and of evidence in microseconds."""
    chain = BenchChain(ACCOUNTS, validators=VALIDATORS_MAX)
    to = chain.senders[0].address
    motions: list[Motion] = [
        IssueUnits(to, 1 + n) if n % 2 else SetParameter("fee_base", 1 + n) for n in range(BALLOTS)
    ]
    openers = [chain.validators[n % VALIDATORS_MAX] for n in range(BALLOTS)]
    steps = [
        (opener, CastVote(None, motion, support=True))
        for opener, motion in zip(openers, motions, strict=True)
    ]
    opening_us, ids = _measure(chain, steps)
    # The votes of a ballot short of its quorum, on the one with the most votes.
    voters = chain.validators[2 : VALIDATORS_MAX // 2]
    voting_us, _ = _measure(chain, [(key, CastVote(ids[1], None, support=True)) for key in voters])
    accused = [(key_of("anybody"), _evidence(chain, key)) for key in chain.validators]
    evidence_us, _ = _measure(chain, accused)
    return {CastVote: max(opening_us, voting_us), SubmitEvidence: evidence_us}


def _measure(
    chain: BenchChain, steps: Sequence[tuple[KeyPair, Action]]
) -> tuple[float, list[Hash]]:
    """Carry out steps of one kind; return the cost of one, and their transactions' ids."""
    built = chain.build([chain.sign(key, action) for key, action in steps])
    assert len(built.block.transactions) == len(steps), "they fit one block"
    cost_us = seconds_to_apply(chain, encode(built.block)) / len(steps) * 1e6
    chain.extend(built.result.view)
    nested_us = nested_signatures(steps[0][1]) * SIGNATURE_WEIGHT_US
    return max(cost_us - nested_us, 1.0), list(built.result.transaction_ids)


def _evidence(chain: BenchChain, key: KeyPair) -> SubmitEvidence:
    """Return two notarizes of one view by a validator."""
    said = [
        SignedStatement(statement, key.sign(signed_bytes(chain.tags, statement)))
        for statement in (Notarize(0, 1, 0, bytes(32)), Notarize(0, 1, 0, bytes([1]) * 32))
    ]
    return SubmitEvidence(key.public_key, said[0], said[1])
