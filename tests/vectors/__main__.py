"""`python -m tests.vectors`: compare the committed vectors; `--write` replaces them.

Replacing them is a change of format: every implementation must follow, and the review shows it.
"""

import sys

from tests.vectors.catalogue import FOLDER, changed_files, contents


def main(arguments: list[str]) -> int:
    """Compare, or write when asked to; return 1 when a file differs and was not written."""
    if arguments not in ([], ["--write"]):
        sys.stderr.write("usage: python -m tests.vectors [--write]\n")
        return 2
    differing = changed_files()
    for name in differing:
        if arguments:
            (FOLDER / name).write_text(contents(name), encoding="utf-8")
        sys.stdout.write(f"{'wrote' if arguments else 'differs'}: tests/vectors/{name}\n")
    return 1 if differing and not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
