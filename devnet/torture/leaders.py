"""Who leads the view that the network is in, as the nodes themselves say it."""

from devnet.network.node import NodeProcess
from devnet.torture.ground import Ground
from node.keyfile import read_key_file


async def current_leader(ground: Ground) -> NodeProcess:
    """Return the running validator that leads the newest view that any of them is in.

    Where the leader does not run, chance chooses another one.
    """
    running = [node for node in ground.validators if node.is_running]
    by_key = {_public_key(ground, node): node for node in running}
    views = [
        (consensus["epoch"], consensus["view"], consensus["leader"])
        for node in running
        if (status := await ground.observe(node)) and (consensus := status["consensus"])
    ]
    leader = max(views)[2] if views else ""
    return by_key.get(leader) or ground.rng.choice(running)


def _public_key(ground: Ground, node: NodeProcess) -> str:
    assert node.plan.key is not None, "only validators lead"
    return read_key_file(ground.directory.key_file(node.plan.key)).public_key
