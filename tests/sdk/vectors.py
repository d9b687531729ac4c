"""The committed vectors, as the SDK's tests read them."""

import json
from pathlib import Path
from typing import Any

from aitbc import ChainTags, SigningKey

FOLDER = Path(__file__).parents[1] / "vectors"


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


CHAIN = load("chain.json")
TAGS = ChainTags(CHAIN["chain_id"], bytes.fromhex(CHAIN["genesis_digest"]))


def key_of(role: str) -> SigningKey:
    return SigningKey(bytes.fromhex(CHAIN["keys"][role]["seed"]))
