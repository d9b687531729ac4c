"""The Python programs that our documents show, with what they are said to print."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("docs/sdk-examples.md", "docs/light-client.md", "sdk/python/README.md")

_BLOCK = re.compile(
    r"^## (?P<title>[^\n]+)$|```python\n(?P<program>.*?)```(?:\n\n```text\n(?P<printed>.*?)```)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Example:
    """A program."""

    name: str
    """Where it is: heading and number."""
    program: str
    """Its text."""
    printed: str | None
    """What it is said to print; … stands for anything. None where nothing is said."""

    def fits(self, said: str) -> bool:
        """Return whether this was printed."""
        parts = map(re.escape, (self.printed or "").strip().split("…"))
        return re.fullmatch(".*".join(parts), said.strip(), re.DOTALL) is not None


def examples() -> list[Example]:
    """Return all programs in order."""
    found: list[Example] = []
    for document in DOCUMENTS:
        title = document
        for match in _BLOCK.finditer((ROOT / document).read_text(encoding="utf-8")):
            title = match["title"] or title
            if match["program"]:
                name = f"{title} {len(found)}"
                found.append(Example(name, match["program"], match["printed"]))
    return found
