"""The explorer: server-rendered pages about final blocks, read-only.

node = …  # implements NodeReads
explorer = build_explorer(ExplorerReads(index, node))
Litestar(route_handlers=explorer.handlers)

An application's handler of errors asks `explorer.error_page` first.
"""

from explorer_web.ports import (
    AccountStanding,
    BlockFinality,
    ExplorerReads,
    MemberStanding,
    NodeReads,
    Standing,
    ValidatorsStanding,
    Whereabouts,
)
from explorer_web.routes import Explorer, build_explorer
from explorer_web.wrong_address import ErrorPage

__all__ = [
    "AccountStanding",
    "BlockFinality",
    "ErrorPage",
    "Explorer",
    "ExplorerReads",
    "MemberStanding",
    "NodeReads",
    "Standing",
    "ValidatorsStanding",
    "Whereabouts",
    "build_explorer",
]
