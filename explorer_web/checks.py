"""How a reader checks a page without trusting it: lines for a shell, one set for each object."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.outcomes import JOB_ENDS
from ledger.store import OutcomeRow


@dataclass(frozen=True, slots=True)
class Check:
    """One way to check."""

    words: str
    """What it shows, in a sentence."""
    command: str = ""
    """The line; `$NODE` is the address of a node, best one that is not this one."""


def twin_checks(twin_url: str) -> tuple[Check, ...]:
    """Return how a page is checked that collects or counts, and has no proof as a whole.

    Args:
        twin_url: address of its JSON twin, as it is linked: nothing in it ends a quoted word.
    """
    return (
        Check(
            "This is what one node collected or counted from final blocks. Ask another node for "
            "the same, best one of your own, and compare:",
            f'curl "$NODE{twin_url}"',
        ),
        Check(
            "Each block, transaction, job, receipt and account that is named here has a page of "
            "its own, which says how that one is proved from the genesis on."
        ),
    )


def account_checks(address: str) -> tuple[Check, ...]:
    """Return how a balance is checked."""
    return (
        Check(
            "Ask another node for the balance and for the proof of it, which leads from the "
            "account to the state's root in a final block's header:",
            f'curl "$NODE/v1/proofs/account/{address}"',
        ),
        Check(
            "Or let a light client do so, which trusts no node, from the genesis file on:",
            f'aitbc light --genesis genesis.json --node "$NODE" balance {address}',
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
            'aitbc verify "$NODE/v1/proofs/validators" --genesis genesis.json',
        ),
    )


def transaction_checks(transaction_id: str) -> tuple[Check, ...]:
    """Return how a transaction is checked."""
    return (
        Check(
            "Fetch the proof that leads from the signed bytes to a final block, and check it from "
            "the genesis file on:",
            f'aitbc verify "$NODE/v1/proofs/transaction/{transaction_id}" --genesis genesis.json',
        ),
        Check("What this page shows, as JSON:", f'curl "$NODE/transactions/{transaction_id}.json"'),
    )


def end_checks(outcomes: Sequence[OutcomeRow]) -> tuple[Check, ...]:
    """Return how is checked that a job ended, and who was paid (J28, J29); nothing before that."""
    return tuple(
        Check(
            "That the job ended so, and to whom which part of the escrow went: the proof of its "
            "outcome record, checked from the genesis file on:",
            f'aitbc verify "$NODE/v1/proofs/outcome/{row.height}/{row.index}" '
            "--genesis genesis.json",
        )
        for row in outcomes
        if row.outcome.kind in JOB_ENDS
    )


def job_checks(job_id: str, receipt_id: str, outcomes: Sequence[OutcomeRow]) -> tuple[Check, ...]:
    """Return how a job is checked.

    Args:
        job_id: its id.
        receipt_id: id of its receipt; empty before there is one.
        outcomes: its outcome records.
    """
    proof = 'aitbc verify "$NODE/v1/proofs/{}" --genesis genesis.json'
    checks = [
        Check(
            "That the job was asked for and its escrow locked: the proof of its transaction, "
            "checked from the genesis file on:",
            proof.format(f"transaction/{job_id}"),
        )
    ]
    if receipt_id:
        words = "That a miner signed for it: the proof of its receipt:"
        checks.append(Check(words, proof.format(f"receipt/{receipt_id}")))
    checks += end_checks(outcomes)
    last = (
        "Each step of the timeline names its block and links the proof of its outcome record; "
        "as JSON:"
    )
    checks.append(Check(last, f'curl "$NODE/jobs/{job_id}.json"'))
    return tuple(checks)


def receipt_checks(receipt_id: str, outcomes: Sequence[OutcomeRow]) -> tuple[Check, ...]:
    """Return how a receipt is checked.

    Args:
        receipt_id: its id.
        outcomes: the outcome records of its job.
    """
    return (
        Check(
            "Fetch the proof that leads from what the miner signed to a final block and the quorum "
            "that agreed on it, and check it from the genesis file on:",
            f'aitbc verify "$NODE/v1/proofs/receipt/{receipt_id}" --genesis genesis.json',
        ),
        *end_checks(outcomes),
        Check("What this page shows, as JSON:", f'curl "$NODE/receipts/{receipt_id}.json"'),
    )
