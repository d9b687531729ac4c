"""Why a genesis is refused: one class per condition of S14.

::

    GenesisError
    ├── DocumentUnreadable       not TOML or JSON, too large, or a key stands there twice
    ├── FieldInvalid             a key is unknown or missing, a value has the wrong type or form
    ├── ChainNameInvalid, TimeInvalid, BucketsInvalid, ParametersInvalid
    ├── ValidatorCountInvalid, ValidatorKeyInvalid, ValidatorRepeated
    ├── PossessionUnproven
    ├── CoordinatorRepeated
    ├── AllocationRepeated, AllocationEmpty, SupplyTooLarge
    ├── KeyRolesMixed            a validator key is used as an account (K5)
    └── GenesisMismatch          a built file says another digest than its content has

Whoever wrote the file reacts. Each error names the field as a path into the document and what to
do about it.
"""

from typing import ClassVar


class GenesisError(Exception):
    """Base of all reasons to refuse a genesis."""

    code: ClassVar[str] = "GENESIS_INVALID"

    def __init__(self, field: str, problem: str, fix: str) -> None:
        """State the field, what is wrong with it, and how to mend it."""
        super().__init__(f"{field}: {problem}. {fix}" if field else f"{problem}. {fix}")
        self.field = field
        self.problem = problem
        self.fix = fix


class DocumentUnreadable(GenesisError):
    """The file is not a document at all."""

    code = "DOCUMENT_UNREADABLE"


class FieldInvalid(GenesisError):
    """A key is unknown or missing, or its value has the wrong type or form."""

    code = "FIELD_INVALID"


class ChainNameInvalid(GenesisError):
    """The name does not fit into a chain id (T4)."""

    code = "CHAIN_NAME_INVALID"


class TimeInvalid(GenesisError):
    """The time of block 0 is outside what a timestamp can carry (S5)."""

    code = "TIME_INVALID"


class BucketsInvalid(GenesisError):
    """The state tree cannot have that many buckets."""

    code = "BUCKETS_INVALID"


class ParametersInvalid(GenesisError):
    """A parameter is outside its bounds."""

    code = "PARAMETERS_INVALID"


class ValidatorCountInvalid(GenesisError):
    """Too few or too many validators."""

    code = "VALIDATOR_COUNT_INVALID"


class ValidatorKeyInvalid(GenesisError):
    """A validator's key is not one that signatures should be checked against (T10)."""

    code = "VALIDATOR_KEY_INVALID"


class ValidatorRepeated(GenesisError):
    """Two validators share a key or a name."""

    code = "VALIDATOR_REPEATED"


class PossessionUnproven(GenesisError):
    """A validator's proof is not its key's signature for this chain name."""

    code = "POSSESSION_UNPROVEN"


class CoordinatorRepeated(GenesisError):
    """Two coordinators share an address or a name."""

    code = "COORDINATOR_REPEATED"


class AllocationRepeated(GenesisError):
    """An address has two allocations."""

    code = "ALLOCATION_REPEATED"


class AllocationEmpty(GenesisError):
    """An allocation of nothing; an account of zeros is not in the state (T9)."""

    code = "ALLOCATION_EMPTY"


class SupplyTooLarge(GenesisError):
    """The allocations exceed the largest supply (S8)."""

    code = "SUPPLY_TOO_LARGE"


class KeyRolesMixed(GenesisError):
    """A validator key is also the key of an account (K5)."""

    code = "KEY_ROLES_MIXED"


class GenesisMismatch(GenesisError):
    """A built genesis file contradicts itself."""

    code = "GENESIS_MISMATCH"
