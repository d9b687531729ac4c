"""Makes one script of several JavaScript modules, readable and without another tool.

Each module becomes a function that is called once and returns what the module exports; modules
that it imports stand before it. That keeps names apart, and what is served can be compared with
its sources by eye. It understands the forms that our modules and the vendored ones use and refuses
every other, so that nothing is bundled wrongly. Classes and functions that nobody imports are left
out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_IMPORT: Final = re.compile(
    r"import\s+(?:\{(?P<names>[^}]*)\}|\* as (?P<all>\w+))\s+from\s+"
    r"(?P<quote>['\"])(?P<source>[^'\"]+)(?P=quote);\s*"
)
_EXPORTED: Final = re.compile(r"export (?=(?:const|class|function\*?|async function\*?) (\w+))")
_EXPORT_LIST: Final = re.compile(r"export \{([^}]*)\};\s*")
_COMMENT: Final = re.compile(r"[ \t]*(?:/\*(?!!)(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.DOTALL)
"""Comments that fill their lines; the sources have them. Notices (`/*!`) stay."""
_DECLARED: Final = re.compile(
    r"(?:class|(?:async )?function\*?) (?:[^\n]*\}\n|[^\n]*[{(,]\n.*?\n\}\n)", re.DOTALL
)
"""A class or function of a module's first level: one line, or all lines to a brace that begins one.
The sources are laid out so."""
_NAME: Final = re.compile(r"(\w+)(?:\s+as\s+(\w+))?")
_IMPORT_CALL: Final = re.compile(r"\bimport\(\s*['\"](?!node:)|\bimport\.meta\b")


class BundleError(Exception):
    """A module has a form that this does not understand, or imports itself."""


@dataclass
class _Bundle:
    roots: Mapping[str, Path]
    places: dict[Path, str] = field(default_factory=dict)
    """Names of the modules' variables, in the order of their text."""
    parts: list[str] = field(default_factory=list)
    open: list[Path] = field(default_factory=list)
    wanted: dict[Path, set[str] | None] = field(default_factory=dict)
    """What is imported of each module; None for all."""

    def gather(self, path: Path) -> None:
        """Take note of what a module imports, and what the modules do that it imports."""
        text = _COMMENT.sub("\n", path.read_text(encoding="utf-8"))
        for start in re.finditer(r"^import\b", text, re.MULTILINE):
            found = _IMPORT.match(text, start.start())
            if found is None:
                continue  # Its text is refused when the module is added.
            target = self.find(path, found["source"])
            is_new = target not in self.wanted
            names = self.wanted.setdefault(target, set())
            if found["names"] is None:
                self.wanted[target] = None
            elif names is not None:
                names.update(there for there, _ in _names(found["names"]))
            if is_new:
                self.gather(target)

    def add(self, path: Path) -> str:
        """Add a module behind all that it imports; return the variable that holds its exports."""
        if path in self.open:
            raise BundleError(f"{path.name} imports itself, over {self.open[-1].name}")
        if path not in self.places:
            self.open.append(path)
            text = _Module(path, self).text()
            self.open.pop()
            name = re.sub(r"\W", "_", f"{path.parent.name}_{path.stem}")
            if name in self.places.values():
                raise BundleError(f"two modules are called {name}")
            self.places[path] = name
            self.parts.append(f"const {name} = (() => {{\n{text}\n}})();\n")
        return self.places[path]

    def find(self, importer: Path, source: str) -> Path:
        """Return the file that a module means."""
        root, _, rest = source.partition("/")
        base = importer.parent / source if root.startswith(".") else self._root(root) / rest
        return base.resolve(strict=True)

    def _root(self, name: str) -> Path:
        if name not in self.roots:
            raise BundleError(f"there are no modules below {name}/")
        return self.roots[name]


class _Module:
    def __init__(self, path: Path, bundle: _Bundle) -> None:
        self._path = path
        self._bundle = bundle
        self._exports: dict[str, str] = {}
        self._source = self._rest = path.read_text(encoding="utf-8")

    def text(self) -> str:
        """Return the function's body."""
        done = []
        while self._rest:
            done.append(self._statement())
        body = "".join(done).strip()
        returned = ", ".join(
            name if name == inside else f"{name}: {inside}"
            for name, inside in self._exports.items()
        )
        return f"// ---- {self._path.name}\n{body}\nreturn {{ {returned} }};"

    def _statement(self) -> str:
        """Take the next line, comment or statement of a module, and return what becomes of it."""
        if found := _COMMENT.match(self._rest):
            self._take(found.end())
            return ""
        if found := _IMPORT.match(self._rest):
            self._take(found.end())
            return self._import(found)
        if found := _EXPORT_LIST.match(self._rest):
            self._take(found.end())
            for inside, outside in _names(found[1]):
                self._exports[outside] = inside
            return ""
        if found := _EXPORTED.match(self._rest):
            self._take(found.end())
            if self._is_unused(found[1]) and (declared := _DECLARED.match(self._rest)):
                self._take(declared.end())
                return ""
            self._exports[found[1]] = found[1]
        line = self._take(self._rest.find("\n") + 1 or len(self._rest))
        if re.match(r"(import|export)\b", line) or _IMPORT_CALL.search(line):
            raise BundleError(f"{self._path.name}: {line.strip()[:80]}")
        return line

    def _is_unused(self, name: str) -> bool:
        """Return whether nobody imports a name, and its own module has it only once."""
        wanted = self._bundle.wanted.get(self._path)
        once = len(re.findall(rf"\b{name}\b", self._source)) == 1
        return wanted is not None and name not in wanted and once

    def _take(self, size: int) -> str:
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _import(self, found: re.Match[str]) -> str:
        place = self._bundle.add(self._bundle.find(self._path, found["source"]))
        if found["all"]:
            return f"const {found['all']} = {place};\n"
        names = ", ".join(
            name if name == inside else f"{name}: {inside}"
            for name, inside in _names(found["names"])
        )
        return f"const {{ {names} }} = {place};\n"


def bundle(entry: Path, roots: Mapping[str, Path], notice: str) -> str:
    """Return one module with everything that a module needs.

    Args:
        entry: the module; the bundle exports what it exports.
        roots: folders by the first word of a path that does not begin with a dot.
        notice: first lines, comments.

    Raises:
        BundleError: see there.
    """
    made, first = _Bundle(roots), entry.resolve(strict=True)
    made.gather(first)
    place = made.add(first)
    exports = ", ".join(_exports_of(made.parts[-1]))
    body = f"{''.join(made.parts)}return {place};"
    return f"{notice}\nexport const {{ {exports} }} = (() => {{\n{body}\n}})();\n"


def without_export(text: str) -> str:
    """Return a bundle as a part of a script: its names are there, and it exports nothing."""
    if text.count("\nexport const {") != 1:
        raise BundleError("a bundle exports once")
    return text.replace("\nexport const {", "\nconst {")


def _exports_of(part: str) -> list[str]:
    returned = part.rpartition("return {")[2].partition("}")[0]
    return [name.partition(":")[0].strip() for name in returned.split(",")]


def _names(text: str) -> list[tuple[str, str]]:
    """Return (name there, name here) of `a, b as c`."""
    pairs = []
    for each in filter(None, map(str.strip, text.split(","))):
        found = _NAME.fullmatch(each)
        if found is None:
            raise BundleError(f"no list of names: {each}")
        pairs.append((found[1], found[2] or found[1]))
    return pairs
