"""The `aitbc` command: one thin module per group of commands, imported when it is used."""

__all__: list[str] = []
