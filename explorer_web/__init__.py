"""The explorer: server-rendered pages about final blocks, read-only.

node = …  # implements NodeReads
Litestar(route_handlers=explorer_handlers(ExplorerReads(index, node)))
"""

from explorer_web.ports import (
    AccountStanding,
    ExplorerReads,
    MemberStanding,
    NodeReads,
    Standing,
    ValidatorsStanding,
    Whereabouts,
)
from explorer_web.routes import explorer_handlers

__all__ = [
    "AccountStanding",
    "ExplorerReads",
    "MemberStanding",
    "NodeReads",
    "Standing",
    "ValidatorsStanding",
    "Whereabouts",
    "explorer_handlers",
]
