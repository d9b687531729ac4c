"""Lives a life in a process of its own and dies in it: ``python -m … FOLDER LIFE POINT``."""

import asyncio
import sys
from pathlib import Path

from tests.coordinator.failpoints import KillSwitch
from tests.coordinator.lives import LIVES
from tests.coordinator.world import World


async def main(folder: Path, life: str, point: str) -> None:
    world = World(folder)
    await world.start()
    KillSwitch(world, point)
    await LIVES[life].live(world)
    await world.finish()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
