"""Value types that all slices of the coordinator share."""

from typing import Literal, TypeAlias

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""A value as JSON has it."""

ApiVersion: TypeAlias = Literal["2024-01-01", "2026-01-24", "2026-05-11"]
"""A version of the API (V1); a job answers in the version that it was created in."""
