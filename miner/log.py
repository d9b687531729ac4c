"""What the miner logs: one line an event, names and values, no secrets."""

import json
import os
import time
from collections.abc import Mapping

VALUE_CHARACTERS_MAX = 400
"""More of a value is cut off: many come from strangers."""


class Log:
    """Writes lines to a descriptor, for people or as JSON.

    Each line is one write without a buffer, so that a signal handler may log too.
    """

    def __init__(
        self,
        descriptor: int = 2,
        *,
        as_json: bool = False,
        bound: Mapping[str, object] | None = None,
    ) -> None:
        """Write to `descriptor`, by default standard error; `bound` is added to each line."""
        self._descriptor = descriptor
        self._as_json = as_json
        self._bound = dict(bound or {})

    def bind(self, **values: object) -> "Log":
        """Return a log that adds these values to each line."""
        return Log(self._descriptor, as_json=self._as_json, bound=self._bound | values)

    def info(self, event: str, **values: object) -> None:
        """Log what happened."""
        self._write("info", event, values)

    def warning(self, event: str, **values: object) -> None:
        """Log what somebody should look at."""
        self._write("warning", event, values)

    def _write(self, level: str, event: str, values: Mapping[str, object]) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        fields = {name: _shown(value) for name, value in (self._bound | dict(values)).items()}
        if self._as_json:
            line = json.dumps({"timestamp": moment, "level": level, "event": event, **fields})
        else:
            pairs = "".join(f" {name}={value}" for name, value in fields.items())
            line = f"{moment} {level:<7} {event}{pairs}"
        os.write(self._descriptor, line.encode() + b"\n")


def _shown(value: object) -> object:
    """Return a value as it may stand in a line: text without control characters, not too long."""
    if isinstance(value, int | float | bool) or value is None:
        return value
    text = str(value)[:VALUE_CHARACTERS_MAX]
    return "".join(char if char.isprintable() else " " for char in text)
