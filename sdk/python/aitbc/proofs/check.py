"""Checking a proof bundle: offline, step by step, against what the reader pins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aitbc.errors import InvalidValue, ProofInvalid
from aitbc.proofs.claims import Claims
from aitbc.proofs.document import read_bundle
from aitbc.proofs.genesis import GenesisFacts
from aitbc.proofs.header import Header
from aitbc.proofs.steps import Check, Trust

_COMMON: Final = (
    ("document", None),
    ("genesis", Check.check_genesis),
    ("boundaries", Check.check_boundaries),
    ("headers", Check.check_headers),
    ("validators", Check.check_validators),
    ("certificate", Check.check_certificate),
)
_TRANSACTION: Final = (
    ("inclusion", Check.check_transaction),
    ("signature", Check.check_signature),
)
_OWN: Final[dict[str, tuple[tuple[str, Callable[[Check], str]], ...]]] = {
    "receipt": (*_TRANSACTION, ("receipt", Check.check_receipt)),
    "transaction": _TRANSACTION,
    "outcome": (("inclusion", Check.check_outcome),),
    "account": (("state", Check.check_state),),
    "validators": (),
}


@dataclass(frozen=True)
class Step:
    """One step of a check; ``docs/proofs.md`` says what each means."""

    name: str
    """Its name."""
    ok: bool | None
    """Whether it passed; None if it was not reached."""
    code: str
    """Stable code of why it failed, else empty."""
    detail: str
    """What it found, in words; empty if it was not reached."""


@dataclass(frozen=True)
class CheckedProof:
    """What became of a bundle."""

    kind: str
    """What it is said to prove; empty if the document could not be read."""
    is_pinned: bool
    """Whether the reader named the chain. If not, all that is proved is that whoever made the
    bundle is consistent: the chain may be of their own making."""
    steps: tuple[Step, ...]
    """All steps of its kind in order."""
    claims: Claims | None
    """What it proves; None unless all steps passed."""
    headers: tuple[Header, ...] = ()
    """Headers of all blocks that it proves to be final, lowest first; empty unless all passed."""
    start: int = 0
    """Epoch of the set that its chain of sets starts with: the first of `headers` names that."""

    @property
    def ok(self) -> bool:
        """Whether all steps passed."""
        return self.claims is not None

    @property
    def failed(self) -> Step | None:
        """The step that failed, None if none did."""
        return next((step for step in self.steps if step.ok is False), None)


def check_proof(
    document: bytes,
    *,
    genesis: GenesisFacts | bytes | None = None,
    known: Mapping[int, bytes] | None = None,
) -> CheckedProof:
    """Check a proof bundle, and return the verdict of each step.

    Args:
        document: the bundle's bytes; hostile.
        genesis: the chain that is trusted: its genesis, see `read_genesis_file`, or the 32 bytes of
            its digest. When None, the bundle's word is taken for which chain it is.
        known: hashes of sets that were verified before, by epoch, with which a bundle may start
            (`ValidatorSet.hash`).

    Raises:
        InvalidValue: `genesis` is bytes, but not 32.
    """
    trust = _trust(genesis, known)
    is_pinned = trust.digest is not None
    try:
        bundle = read_bundle(document)
    except ProofInvalid as error:
        names = [name for name, _ in _COMMON]
        return CheckedProof("", is_pinned, _steps(names, [], error), None)
    check = Check(bundle, trust)
    todo = (*_COMMON, *_OWN[bundle.kind])
    found: list[str] = []
    failure: ProofInvalid | None = None
    for _, step in todo:
        try:
            found.append(f"a bundle of kind {bundle.kind}" if step is None else step(check))
        except ProofInvalid as error:
            failure = error
            break
    steps = _steps([name for name, _ in todo], found, failure)
    if failure is not None:
        return CheckedProof(bundle.kind, is_pinned, steps, None)
    headers = (*check.ends, *check.headers)
    start = 0 if bundle.since is None else bundle.since.epoch
    return CheckedProof(bundle.kind, is_pinned, steps, check.claims(), headers, start)


def verify_proof(
    document: bytes,
    *,
    genesis: GenesisFacts | bytes | None = None,
    known: Mapping[int, bytes] | None = None,
) -> Claims:
    """Check a proof bundle as `check_proof` does, and return what it proves.

    Raises:
        ProofInvalid: a step failed; ``step`` and ``code`` say which, and why.
        InvalidValue: `genesis` is bytes, but not 32.
    """
    checked = check_proof(document, genesis=genesis, known=known)
    failed = checked.failed
    if failed is not None:
        raise ProofInvalid(failed.code, failed.detail, failed.name)
    assert checked.claims is not None
    return checked.claims


def _trust(genesis: GenesisFacts | bytes | None, known: Mapping[int, bytes] | None) -> Trust:
    if isinstance(genesis, GenesisFacts):
        return Trust(genesis.digest, genesis, known or {})
    if genesis is not None and len(genesis) != 32:
        raise InvalidValue("genesis", f"its digest must be 32 bytes, not {len(genesis)}")
    return Trust(genesis, None, known or {})


def _steps(names: list[str], found: list[str], failure: ProofInvalid | None) -> tuple[Step, ...]:
    """Return the steps: those that found something, then the one that failed, then the rest."""
    steps = [Step(name, True, "", detail) for name, detail in zip(names, found, strict=False)]
    if failure is not None:
        steps.append(Step(names[len(found)], False, failure.code, failure.reason))
    steps += [Step(name, None, "", "") for name in names[len(steps) :]]
    return tuple(steps)
