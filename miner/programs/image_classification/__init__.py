"""A sample program; see `program.toml`."""

__all__: list[str] = []
