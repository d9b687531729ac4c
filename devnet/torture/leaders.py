"""Who leads next, learnt from the blocks that nodes show, as any reader could."""

from devnet.network.node import NodeProcess
from devnet.torture.chain_reading import ChainReader
from devnet.torture.ground import Ground
from node.keyfile import read_key_file


async def next_leader(ground: Ground) -> NodeProcess:
    """Return the node that leads the view after the newest final block's.

    Leaders take turns, so it is the one that proposed a multiple of n views earlier. Where the
    epoch has no such block, it is taken to be one that proposed none; else chance decides.
    """
    running = [node for node in ground.validators if node.is_running]
    by_key = {_public_key(ground, node): node for node in running}
    statuses = {node.name: await ground.observe(node) for node in running}
    name, status = max(
        ((name, status) for name, status in statuses.items() if status),
        key=lambda each: each[1]["height"],
    )
    reader = ChainReader(name, ground.clients[name], ground.genesis["genesis_digest"])
    head = await reader.block(status["height"])
    members, proposers = status["validators"], set()
    for height in range(head.height, max(0, head.height - 3 * members), -1):
        block = await reader.block(height)
        if block.epoch != head.epoch:
            break
        proposers.add(block.proposer)
        if (head.view + 1 - block.view) % members == 0 and block.proposer in by_key:
            return by_key[block.proposer]
    silent = [node for key, node in by_key.items() if key not in proposers]
    return ground.rng.choice(silent or running)


def _public_key(ground: Ground, node: NodeProcess) -> bytes:
    assert node.plan.key is not None, "only validators lead"
    return bytes.fromhex(read_key_file(ground.directory.key_file(node.plan.key)).public_key)
