"""Runners: one class per service, each with real software. Import them from their modules."""

__all__: list[str] = []
