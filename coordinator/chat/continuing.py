"""One text out of the texts of several attempts: what was said once stays said.

A stream cannot take anything back. If an attempt ends halfway, the next one begins anew, and with
the same seed it mostly says the same again: what it says is held back until it goes beyond what
was streamed. If it says something else, nothing more is streamed; whether the result is what was
begun, shows at the end.
"""

from ledger.types import Attempt


class GrowingText:
    """A text that only ever grows."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._streamed = ""
        self._attempt: Attempt = 0
        self._said = ""

    def add(self, attempt: Attempt, text: str) -> str:
        """Take what an attempt says next; return what to stream now, which may be nothing."""
        if attempt != self._attempt:
            self._attempt, self._said = attempt, ""
        was_ahead = self._said == self._streamed
        self._said += text
        if was_ahead:
            self._streamed = self._said
            return text
        return self._beyond(self._said)

    def finish(self, result: str) -> str | None:
        """Return the rest of the result; None if it is not what was begun."""
        return self._beyond(result) if result.startswith(self._streamed) else None

    def _beyond(self, text: str) -> str:
        if not text.startswith(self._streamed):
            return ""
        rest = text[len(self._streamed) :]
        self._streamed = text
        return rest
