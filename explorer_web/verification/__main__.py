"""Compares the verifier's scripts with what their sources make, or writes them; or the saved file.

python -m explorer_web.verification [--write | --save FILE]
"""

import argparse
import sys
from pathlib import Path

from explorer_web.assets import Assets
from explorer_web.rendering import Renderer
from explorer_web.verification.saved import saved_verifier
from explorer_web.verification.scripts import kept_path, made_scripts


def main() -> int:
    """Return the exit code: 1 where a script is not what its sources make."""
    parser = argparse.ArgumentParser(prog="python -m explorer_web.verification")
    wish = parser.add_mutually_exclusive_group()
    wish.add_argument("--write", action="store_true", help="write the scripts")
    wish.add_argument("--save", type=Path, metavar="FILE", help="write the saved verifier")
    told = parser.parse_args()
    return _save(told.save) if told.save else _compare(is_write=told.write)


def _save(file: Path) -> int:
    """Write what every node of this version serves at /verify/offline.html; print its SHA-256."""
    assets = Assets()
    saved = saved_verifier(assets, Renderer(assets))
    file.write_bytes(saved.content)
    sys.stdout.write(f"{saved.digest.hex()}  {file}\n")
    return 0


def _compare(*, is_write: bool) -> int:
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
