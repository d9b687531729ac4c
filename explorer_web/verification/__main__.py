"""Compares the verifier's scripts with what their sources make, or writes them.

python -m explorer_web.verification [--write]
"""

import argparse
import sys

from explorer_web.verification.scripts import kept_path, made_scripts


def main() -> int:
    """Return the exit code: 1 where a script is not what its sources make."""
    parser = argparse.ArgumentParser(prog="python -m explorer_web.verification")
    parser.add_argument("--write", action="store_true", help="write the scripts")
    is_write = parser.parse_args().write
    differing = 0
    for name, text in made_scripts().items():
        path = kept_path(name)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        differing += 1
        if is_write:
            path.write_text(text, encoding="utf-8")
        told = "written" if is_write else "differs from its sources"
        sys.stdout.write(f"{path.name}: {told}\n")
    return 1 if differing and not is_write else 0


if __name__ == "__main__":
    sys.exit(main())
