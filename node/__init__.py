"""Everything that touches the world: files, sockets, clocks, processes.

Others import the modules that they need; gathering them here would make every import of a key
file load a web framework.
"""

__all__: list[str] = []
