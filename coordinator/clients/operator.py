"""The operator: the client whose key may look into the coordinator.

Its first key is written into a file when the node first starts, so that whoever may read the
node's secrets, and nobody else, can operate it.
"""

import os
from pathlib import Path
from typing import Final

from coordinator.clients.key_ring import KeyWish
from coordinator.clients.model import Scope

OPERATOR_ID: Final = "client_operator"
"""Id of the operator's client."""

OPERATOR_WISH: Final = KeyWish(label="operator", scopes=frozenset({Scope.ADMIN, Scope.READ}))
"""What the key in the file is."""

_OWNER_ONLY: Final = 0o600


def write_key_file(path: Path, text: str) -> None:
    """Write a key into a file of mode 0600, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
