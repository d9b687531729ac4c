"""The program library: programs that Python jobs run by name. They are run, never imported."""

__all__: list[str] = []
