"""Nodes that find each other, talk and part."""

from tests.p2p.conftest import StartNode
from tests.p2p.meeting import eventually, transactions


async def test_two_nodes_meet_and_talk_both_ways(start: StartNode):
    listener = await start(1)
    dialler = await start(2, peers=[listener.address], listen=())

    await eventually(lambda: listener.sees(dialler) and dialler.sees(listener))

    assert dialler.peer(listener).is_outbound
    assert not listener.peer(dialler).is_outbound
    assert dialler.peer(listener).send(transactions(b"there"))
    assert listener.peer(dialler).send(transactions(b"back"))
    await eventually(lambda: listener.handler.messages and dialler.handler.messages)
    assert listener.handler.messages == [transactions(b"there")]
    assert dialler.handler.messages == [transactions(b"back")]
