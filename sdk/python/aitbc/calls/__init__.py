"""Calls of the API by subject, each a flow that names its request and reads its answer."""

__all__: list[str] = []
