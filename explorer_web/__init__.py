"""The explorer: server-rendered pages about final blocks, read-only.

node = …  # implements NodeReads
Litestar(route_handlers=explorer_handlers(ExplorerReads(index, node)))
"""

from explorer_web.ports import AccountStanding, ExplorerReads, NodeReads, Standing, Whereabouts
from explorer_web.routes import explorer_handlers

__all__ = [
    "AccountStanding",
    "ExplorerReads",
    "NodeReads",
    "Standing",
    "Whereabouts",
    "explorer_handlers",
]
