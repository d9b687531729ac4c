"""How a reader checks a page without trusting it: lines for a shell, one set for each object."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One way to check."""

    words: str
    """What it shows, in a sentence."""
    command: str = ""
    """The line; `$NODE` is the address of a node, best one that is not this one."""


def account_checks(address: str) -> tuple[Check, ...]:
    """Return how a balance is checked."""
    return (
        Check(
            "Ask another node for the balance and for the proof of it, which leads from the "
            "account to the state's root in a final block's header:",
            f'curl "$NODE/v1/proofs/account/{address}"',
        ),
        Check("What this page shows, as JSON:", f'curl "$NODE/accounts/{address}.json"'),
    )


def block_checks(height: int) -> tuple[Check, ...]:
    """Return how a block is checked."""
    return (
        Check(
            "Ask another node for the same block; its id covers header, transactions and state, so "
            "equal ids are equal blocks:",
            f'curl "$NODE/blocks/{height}.json"',
        ),
        Check(
            "The validators whose quorum signed, proved from the genesis on:",
            'curl "$NODE/v1/proofs/validators"',
        ),
    )
