"""Local networks and the developer's commands: what `./dev` runs."""

__all__: list[str] = []
