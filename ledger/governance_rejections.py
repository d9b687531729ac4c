"""Why a ballot, a motion or evidence is refused, in the order of the checks.

::

    TransactionRejected
    ├── a vote        VoteInvalid, NotAuthority, BallotClosed, VoteRepeated, TooManyBallots
    │                 (and `job_rejections.DeadlinePassed`)
    ├── a motion
    │   ├── authority    AuthorityKeyInvalid, PossessionUnproven, KeyRolesMixed, AuthorityExists,
    │   │                AuthorityNameTaken, AuthorityUnknown, SetChangePending, AuthoritySetFull,
    │   │                LastAuthority
    │   ├── coordinator  CoordinatorExists (and `rejections.CoordinatorUnknown`)
    │   ├── parameter    ParameterUnknown, ParameterUnchanged, ParameterInvalid,
    │   │                VersionNotNewer
    │   └── job, issue   see `ledger.rulings` and `ledger.issue`
    └── evidence      EvidenceLegal, EvidenceWithoutContradiction, EvidenceOfFuture,
                      EvidenceTooOld, EvidenceKnown, EvidenceSignatureInvalid
                      (and AuthorityUnknown)
"""

from ledger.errors import TransactionRejected
from ledger.keys import format_address
from ledger.types import Address, Epoch, Hash, PublicKey

# ---------------------------------------------------------------- a vote


class VoteInvalid(TransactionRejected):
    """The vote's fields contradict each other."""

    code = "VOTE_INVALID"

    def __init__(self) -> None:
        """Say what a vote must be."""
        super().__init__(
            "cast_vote: name either an open ballot, or a motion that you support to open one"
        )


class NotAuthority(TransactionRejected):
    """Only a member of the validator set votes on ballots."""

    code = "NOT_AUTHORITY"

    def __init__(self, public_key: PublicKey) -> None:
        """State the key that signed."""
        super().__init__(f"{public_key.hex()} is not the key of a validator of this epoch")
        self.public_key = public_key


class BallotClosed(TransactionRejected):
    """No open ballot has this id: it has passed or expired, or it never was (J29)."""

    code = "BALLOT_CLOSED"

    def __init__(self, ballot_id: Hash) -> None:
        """State the id."""
        super().__init__(f"ballot {ballot_id.hex()} is not open: it passed, expired or never was")
        self.ballot_id = ballot_id


class VoteRepeated(TransactionRejected):
    """An authority may vote once on a ballot, and change its mind once (T11)."""

    code = "VOTE_REPEATED"

    def __init__(self, ballot_id: Hash, support: bool) -> None:  # noqa: FBT001 - a recorded value
        """State the ballot, and the vote that stands."""
        vote = "yes" if support else "no"
        super().__init__(f"ballot {ballot_id.hex()}: your vote of {vote} stands; it changes once")
        self.ballot_id = ballot_id
        self.support = support


class TooManyBallots(TransactionRejected):
    """An authority may have this many open ballots, since they are free (T11)."""

    code = "TOO_MANY_BALLOTS"

    def __init__(self, maximum: int) -> None:
        """State the limit."""
        super().__init__(f"you have {maximum} open ballots, which is the most; wait for one to end")
        self.maximum = maximum


# ---------------------------------------------------------------- motions about authorities


class AuthorityKeyInvalid(TransactionRejected):
    """A new authority's key is not one that all libraries agree about (T10)."""

    code = "AUTHORITY_KEY_INVALID"

    def __init__(self, reason: str) -> None:
        """State what is wrong with it."""
        super().__init__(f"public_key: {reason}; make one with: aitbc keys new --role validator")


class PossessionUnproven(TransactionRejected):
    """The possession proof is not the key's over this chain, name and payout account."""

    code = "POSSESSION_UNPROVEN"

    def __init__(self, public_key: PublicKey) -> None:
        """State the key."""
        super().__init__(
            "possession_proof: not a signature of this key over this chain, name and payout; "
            "its owner makes one with: aitbc authority prove"
        )
        self.public_key = public_key


class KeyRolesMixed(TransactionRejected):
    """An account of this motion is the address of a consensus key, or the reverse (K5)."""

    code = "KEY_ROLES_MIXED"

    def __init__(self, field: str, address: Address) -> None:
        """Name the field and the address that has two roles."""
        super().__init__(
            f"{field}: {format_address(address)} would be account and consensus key at once; "
            "use a key of its own for each"
        )
        self.field = field
        self.address = address


class AuthorityExists(TransactionRejected):
    """The key is a validator already."""

    code = "AUTHORITY_EXISTS"

    def __init__(self, public_key: PublicKey) -> None:
        """State the key."""
        super().__init__(f"public_key: {public_key.hex()} is a validator already")
        self.public_key = public_key


class AuthorityNameTaken(TransactionRejected):
    """A validator, or one that is waiting to be one, has the name."""

    code = "AUTHORITY_NAME_TAKEN"

    def __init__(self, name: str) -> None:
        """State the name."""
        super().__init__(f"name: {name} is a validator's already; choose another")
        self.name = name


class AuthorityUnknown(TransactionRejected):
    """The key is not a validator's."""

    code = "AUTHORITY_UNKNOWN"

    def __init__(self, public_key: PublicKey) -> None:
        """State the key."""
        super().__init__(f"{public_key.hex()} is not a validator of this epoch")
        self.public_key = public_key


class SetChangePending(TransactionRejected):
    """A change about this key waits for the epoch's end already."""

    code = "SET_CHANGE_PENDING"

    def __init__(self, public_key: PublicKey) -> None:
        """State the key."""
        super().__init__(f"{public_key.hex()}: a change waits for an epoch's end; propose after it")
        self.public_key = public_key


class AuthoritySetFull(TransactionRejected):
    """With what is waiting, the set would have more than the maximum of validators (E2)."""

    code = "AUTHORITY_SET_FULL"

    def __init__(self, maximum: int) -> None:
        """State the maximum."""
        super().__init__(f"there would be more than {maximum} validators; remove one first")
        self.maximum = maximum


class LastAuthority(TransactionRejected):
    """With what is waiting, nobody would be left in the set (E2)."""

    code = "LAST_AUTHORITY"

    def __init__(self, public_key: PublicKey) -> None:
        """State the key."""
        super().__init__(f"{public_key.hex()} is the last validator; add another one first")
        self.public_key = public_key


# ---------------------------------------------------------------- other motions


class CoordinatorExists(TransactionRejected):
    """The address is a coordinator already."""

    code = "COORDINATOR_EXISTS"

    def __init__(self, address: Address) -> None:
        """State the address."""
        super().__init__(f"address: {format_address(address)} is a coordinator already")
        self.address = address


class ParameterUnknown(TransactionRejected):
    """No parameter that a ballot may set has this name."""

    code = "PARAMETER_UNKNOWN"

    def __init__(self, name: str) -> None:
        """State the name."""
        super().__init__(f"name: {name} is not a parameter that a ballot may set")
        self.name = name


class ParameterUnchanged(TransactionRejected):
    """The next epoch's parameters have this value already."""

    code = "PARAMETER_UNCHANGED"

    def __init__(self, name: str, value: int) -> None:
        """State the parameter and its value."""
        super().__init__(f"value: {name} is {value} already, or will be in the next epoch")
        self.name = name
        self.value = value


class ParameterInvalid(TransactionRejected):
    """The value is outside its bounds, or contradicts another parameter."""

    code = "PARAMETER_INVALID"

    def __init__(self, fault: str) -> None:
        """State the fault, which names the parameter."""
        super().__init__(f"value: {fault}")
        self.fault = fault


class VersionNotNewer(TransactionRejected):
    """A protocol version that is not above the one in force, or the one to come (S13)."""

    code = "VERSION_NOT_NEWER"

    def __init__(self, version: int, newest: int) -> None:
        """State the version that came and the newest one that was decided."""
        super().__init__(f"version: {version} is not above {newest}, which is decided already")
        self.version = version
        self.newest = newest


# ---------------------------------------------------------------- evidence


class EvidenceLegal(TransactionRejected):
    """Notarize and nullify of one view: a validator may say both (consensus rule 8)."""

    code = "EVIDENCE_NOTARIZE_AND_NULLIFY"

    def __init__(self) -> None:
        """Say why it proves nothing."""
        super().__init__("evidence: notarize and nullify of one view are legal together")


class EvidenceWithoutContradiction(TransactionRejected):
    """The two statements are of different views or epochs, or the same."""

    code = "EVIDENCE_WITHOUT_CONTRADICTION"

    def __init__(self) -> None:
        """Say what contradicts."""
        super().__init__(
            "evidence: two statements contradict each other if they are of one epoch and view, and "
            "are different notarizes, different finalizes, or a nullify and a finalize"
        )


class EvidenceOfFuture(TransactionRejected):
    """Statements of an epoch that this block does not belong to yet."""

    code = "EVIDENCE_OF_FUTURE"

    def __init__(self, epoch: Epoch, current: Epoch) -> None:
        """State the statements' epoch and the block's."""
        super().__init__(f"evidence: epoch {epoch} has not begun; this is epoch {current}")
        self.epoch = epoch
        self.current = current


class EvidenceTooOld(TransactionRejected):
    """Statements of an epoch that ended longer than `evidence_ms` ago (E5)."""

    code = "EVIDENCE_TOO_OLD"

    def __init__(self, epoch: Epoch, evidence_ms: int) -> None:
        """State the statements' epoch and the window."""
        super().__init__(f"evidence: epoch {epoch} ended more than {evidence_ms} ms ago")
        self.epoch = epoch
        self.evidence_ms = evidence_ms


class EvidenceKnown(TransactionRejected):
    """Evidence of this validator and epoch was accepted, or its removal waits already (T11)."""

    code = "EVIDENCE_KNOWN"

    def __init__(self, public_key: PublicKey, epoch: Epoch) -> None:
        """State validator and epoch."""
        super().__init__(f"evidence: {public_key.hex()} was convicted of epoch {epoch} already")
        self.public_key = public_key
        self.epoch = epoch


class EvidenceSignatureInvalid(TransactionRejected):
    """A signature is not the accused's over this statement and chain."""

    code = "EVIDENCE_SIGNATURE_INVALID"

    def __init__(self, which: str) -> None:
        """Name the statement: ``first`` or ``second``."""
        super().__init__(f"{which}: not a signature of the accused over this statement and chain")
        self.which = which
