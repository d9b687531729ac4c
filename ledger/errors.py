"""Every error of the ledger: one class per rule, a stable code each.

::

    LedgerError
    ├── CodecError            bytes from outside are not a wire type
    │   ├── BytesTooLarge, BytesMalformed, BytesNotCanonical
    ├── KeyInvalid, AddressInvalid, SignatureInvalid
    ├── AmountOutOfRange      arithmetic left 0 … 2^63−1 (S8)
    ├── TransactionRejected   a transaction that this state refuses; the signer reacts
    │   └── … one class per rule, see `ledger.rejections` and its like
    ├── BlockInvalid          a block that is invalid for ever; consensus reacts (nullify)
    │   └── … one class per check, see `ledger.block_errors`
    ├── BlockTooEarly         a block of the future; consensus waits (S5)
    └── ProtocolVersionUnknown   newer rules are in force; the operator reacts (S13)

`code` is what the wire, logs and metrics show. The text says what is wrong and, where a person
can mend it, how.
"""

from typing import ClassVar


class LedgerError(Exception):
    """Base of all errors that this package raises for data it was given."""

    code: ClassVar[str] = "LEDGER_ERROR"


class CodecError(LedgerError):
    """Bytes are not the canonical encoding of the expected type."""

    code = "MALFORMED"


class BytesTooLarge(CodecError):
    """Input longer than its type's limit."""

    code = "TOO_LARGE"

    def __init__(self, what: str, size: int, limit: int) -> None:
        """State what was decoded, its size and the limit, both in bytes."""
        super().__init__(f"{what} has {size} bytes; the limit is {limit}")
        self.size = size
        self.limit = limit


class BytesMalformed(CodecError):
    """Input is not MessagePack of the expected type."""

    def __init__(self, what: str, reason: str) -> None:
        """State what was decoded and the decoder's reason, which names the field."""
        super().__init__(f"{what} is malformed: {reason}")


class BytesNotCanonical(CodecError):
    """Input decodes, but is not the one canonical encoding of its value."""

    code = "NOT_CANONICAL"

    def __init__(self, what: str) -> None:
        """State what was decoded."""
        super().__init__(
            f"{what} is not canonical: use arrays, minimal integers and no trailing bytes"
        )


class KeyInvalid(LedgerError):
    """A public key that no signature should be checked against (T10)."""

    code = "KEY_INVALID"


class AddressInvalid(LedgerError):
    """Text that is not an address."""

    code = "ADDRESS_INVALID"

    def __init__(self, reason: str) -> None:
        """State the reason."""
        super().__init__(f"address is invalid: {reason}")


class SignatureInvalid(LedgerError):
    """A signature that does not verify."""

    code = "SIGNATURE_INVALID"


class AmountOutOfRange(LedgerError):
    """An amount outside 0 … 2^63−1: a typed error, never a wrapped number (S8)."""

    code = "AMOUNT_OUT_OF_RANGE"

    def __init__(self, what: str, value: int) -> None:
        """State what was computed and its value."""
        super().__init__(f"{what}: {value} is outside 0 … 2^63−1")
        self.what = what
        self.value = value


class ProtocolVersionUnknown(LedgerError):
    """Rules are in force that this program does not know: it stops here, intact (S13)."""

    code = "PROTOCOL_VERSION_UNKNOWN"

    def __init__(self, version: int, known: int) -> None:
        """State the version in force and the newest one that is known here."""
        super().__init__(
            f"the chain follows protocol version {version} from here on; this program knows "
            f"version {known}: install a newer one, which goes on from this block"
        )
        self.version = version
        self.known = known


class TransactionRejected(LedgerError):
    """A transaction that the rules refuse against a state; nothing changed."""

    code = "TRANSACTION_REJECTED"


class BlockInvalid(LedgerError):
    """A block that no state makes valid: said only of what is invalid for ever."""

    code = "BLOCK_INVALID"


class BlockTooEarly(LedgerError):
    """A block whose time lies too far ahead of this clock: wait, never "invalid" (S5)."""

    code = "BLOCK_TOO_EARLY"

    def __init__(self, timestamp_ms: int, clock_ms: int) -> None:
        """State the block's time and this node's clock."""
        super().__init__(f"timestamp_ms: {timestamp_ms} is ahead of the clock, {clock_ms}")
        self.timestamp_ms = timestamp_ms
        self.clock_ms = clock_ms
