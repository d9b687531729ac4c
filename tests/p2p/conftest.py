"""Nodes that are stopped at the end of a test, and leave nothing running."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.p2p.meeting import Node, make_node

StartNode = Callable[..., Awaitable[Node]]


@pytest.fixture
async def start() -> AsyncIterator[StartNode]:
    """Start nodes; takes what `make_node` takes."""
    before = asyncio.all_tasks()
    nodes: list[Node] = []

    async def start_node(*arguments: Any, **options: Any) -> Node:
        node = make_node(*arguments, **options)
        nodes.append(node)
        await node.network.start()
        return node

    yield start_node
    for node in nodes:
        await node.network.stop()
    strays = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not strays, f"still running: {strays}"
