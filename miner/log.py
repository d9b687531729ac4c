"""What the miner logs: one line an event, names and values, no secrets."""

import json
import sys
import time
from typing import TextIO


class Log:
    """Writes lines to a stream, for people or as JSON."""

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        as_json: bool = False,
        bound: dict[str, object] | None = None,
    ) -> None:
        """Write to `stream`, standard error if None; `bound` is added to each line."""
        self._stream = stream or sys.stderr
        self._as_json = as_json
        self._bound = dict(bound or {})

    def bind(self, **values: object) -> "Log":
        """Return a log that adds these values to each line."""
        return Log(self._stream, as_json=self._as_json, bound=self._bound | values)

    def info(self, event: str, **values: object) -> None:
        """Log what happened."""
        self._write("info", event, values)

    def warning(self, event: str, **values: object) -> None:
        """Log what somebody should look at."""
        self._write("warning", event, values)

    def _write(self, level: str, event: str, values: dict[str, object]) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        fields = self._bound | values
        if self._as_json:
            line = json.dumps({"timestamp": moment, "level": level, "event": event, **fields})
        else:
            pairs = "".join(f" {name}={value}" for name, value in fields.items())
            line = f"{moment} {level:<7} {event}{pairs}"
        self._stream.write(line.replace("\n", " ") + "\n")
        self._stream.flush()
