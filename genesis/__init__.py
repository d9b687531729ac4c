"""Genesis: what a chain begins with (S14)."""

from genesis.build import Genesis, build_genesis, genesis_records
from genesis.checks import check_spec
from genesis.document import document_of, format_amount, spec_from_document
from genesis.errors import GenesisError
from genesis.files import genesis_text, read_genesis, read_spec
from genesis.memory import GenesisMemory
from genesis.spec import (
    Allocation,
    GenesisCoordinator,
    GenesisSpec,
    GenesisValidator,
    genesis_digest,
    prove_possession,
)

__all__ = [
    "Allocation",
    "Genesis",
    "GenesisCoordinator",
    "GenesisError",
    "GenesisMemory",
    "GenesisSpec",
    "GenesisValidator",
    "build_genesis",
    "check_spec",
    "document_of",
    "format_amount",
    "genesis_digest",
    "genesis_records",
    "genesis_text",
    "prove_possession",
    "read_genesis",
    "read_spec",
    "spec_from_document",
]
