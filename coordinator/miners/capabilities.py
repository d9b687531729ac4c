"""What a miner declares: the document whose digest is on the chain, and what it means."""

import json
import re
from dataclasses import dataclass
from typing import Final

from coordinator.errors import InvalidRequest
from coordinator.jobs.documents import canonical_json
from coordinator.miners.model import MinerRegistration
from coordinator.miners.programs import PythonSupport, read_support
from coordinator.registry import ServiceRegistry
from coordinator.sizes import SizeInvalid, parse_mib
from coordinator.values import JsonValue
from ledger.hashing import sha256
from ledger.params import NAIT_PER_AITBC
from ledger.types import Amount, Hash

CAPABILITIES_MAX: Final = 256
"""Capabilities, and aliases, of one miner."""

DOCUMENT_BYTES_MAX: Final = 65_536
"""Longest capabilities document."""

MODEL_SERVICE: Final = "llm_inference"
"""Service that a capability means which is no service id (S3)."""

_NAME: Final = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._:/+-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The meaning of a capabilities document."""

    declared: tuple[str, ...]
    """Entries as the miner wrote them."""
    services: frozenset[str]
    """Services that it takes jobs of."""
    models: frozenset[str]
    """Models that it runs; empty takes any."""
    aliases: dict[str, str]
    """Model asked for → model that runs instead (S3)."""
    gpu_info: dict[str, JsonValue] | None
    """As declared."""
    gpu_tokens: frozenset[str]
    """Words of the GPU's name, lower case (S6)."""
    gpu_memory_mib: int
    """Memory of the GPU; 0 if none was declared."""
    price: Amount | None
    """Nait a job; None takes the service's default price (P2)."""
    python: PythonSupport | None
    """What it can run of Python programs; None for a miner that does not say."""

    def model_for(self, wanted: str) -> str | None:
        """Return the model that runs when `wanted` is asked for, None if none does."""
        model = self.aliases.get(wanted, wanted)
        return model if not self.models or model in self.models else None


def document_of(registration: MinerRegistration) -> str:
    """Return RFC 8785 JSON of {aliases, capabilities, gpu_info, price}, and `python` if declared.

    Raises:
        InvalidRequest: it is too long, or holds what canonical JSON cannot.
    """
    document: dict[str, JsonValue] = {
        "aliases": dict(registration.aliases),
        "capabilities": list(registration.capabilities),
        "gpu_info": registration.gpu_info,
        "price": registration.price_text,
    }
    if registration.python is not None:
        document["python"] = registration.python
    canonical = canonical_json(document, "/capabilities")
    if len(canonical) > DOCUMENT_BYTES_MAX:
        raise InvalidRequest.at("/capabilities", f"more than {DOCUMENT_BYTES_MAX} bytes in all")
    return canonical.decode()


def digest_of_document(document: str) -> Hash:
    """Return the digest that `register_miner` and `update_miner` name."""
    return sha256(document.encode())


def read_document(document: str, registry: ServiceRegistry) -> Capabilities:
    """Return what a document means.

    Raises:
        InvalidRequest: entries, aliases or the GPU's memory cannot be understood.
    """
    content = json.loads(document)
    declared = tuple(content["capabilities"])
    _check_names("/capabilities", declared)
    if not declared:
        raise InvalidRequest.at("/capabilities", "must name at least one service or model")
    aliases: dict[str, str] = content["aliases"]
    _check_names("/aliases", (*aliases.keys(), *aliases.values()))
    services = {_service_id(entry, registry) for entry in declared}
    models = {entry for entry in declared if not _is_service(entry, registry)}
    gpu_info: dict[str, JsonValue] | None = content["gpu_info"]
    return Capabilities(
        declared=declared,
        services=frozenset(services),
        models=frozenset(models),
        aliases=aliases,
        gpu_info=gpu_info,
        gpu_tokens=words_of(str((gpu_info or {}).get("name", ""))),
        gpu_memory_mib=_gpu_memory_mib(gpu_info),
        price=_price(content["price"]),
        python=read_support(content["python"]) if "python" in content else None,
    )


def words_of(name: str) -> frozenset[str]:
    """Return the words of a GPU's name or type: lower case, split at non-alphanumerics (S6)."""
    return frozenset(re.findall(r"[a-z0-9]+", name.lower()))


def _service_id(entry: str, registry: ServiceRegistry) -> str:
    return entry.replace("-", "_") if _is_service(entry, registry) else MODEL_SERVICE


def _is_service(entry: str, registry: ServiceRegistry) -> bool:
    return registry.knows(entry.replace("-", "_"))


def _check_names(pointer: str, names: tuple[JsonValue, ...]) -> None:
    if len(names) > CAPABILITIES_MAX:
        raise InvalidRequest.at(pointer, f"at most {CAPABILITIES_MAX} entries", "TOO_MANY")
    for name in names:
        if not isinstance(name, str) or not _NAME.match(name):
            message = "entries are 1 to 64 characters of A-Z a-z 0-9 . _ : / + -"
            raise InvalidRequest.at(pointer, message, "INVALID_NAME")


def _gpu_memory_mib(gpu_info: dict[str, JsonValue] | None) -> int:
    memory = (gpu_info or {}).get("memory")
    if memory is None:
        return 0
    try:
        return parse_mib(memory)
    except SizeInvalid as error:
        raise InvalidRequest.at("/gpu_info/memory", str(error), "INVALID_SIZE") from None


def _price(text: str | None) -> Amount | None:
    """Return the nait of a decimal string that the caller has checked."""
    if text is None:
        return None
    whole, _, decimals = text.partition(".")
    return int(whole) * NAIT_PER_AITBC + int(decimals.ljust(9, "0"))
