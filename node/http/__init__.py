"""The node's HTTP side: sockets, server, chain routes, health and metrics."""

__all__: list[str] = []
