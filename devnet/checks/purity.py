"""The import contract of the cores: they decide, and never touch the world.

The ordinary contracts forbid; this one allows. A list of forbidden modules would miss the next
way to reach a clock, so everything that a core reaches, through any number of our own modules,
has to be in the list of what it may import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


@dataclass(frozen=True)
class Breach:
    """One way in which a core reaches what it may not."""

    chain: tuple[str, ...]
    """Modules from the core's to the one that is not allowed."""

    def __str__(self) -> str:
        """Return the chain as a reader follows it."""
        return " -> ".join(self.chain)


def breaches(
    graph: ImportGraph, *, modules: Sequence[str], exempt: Sequence[str], allowed: frozenset[str]
) -> list[Breach]:
    """Find what the cores reach that they may not.

    Args:
        graph: Import graph, with external packages.
        modules: The cores: packages (with all below them) or modules.
        exempt: Packages inside the cores that are not pure, and that the cores may not import.
        allowed: External packages, the standard library's included, that the cores may import.

    Raises:
        ValueError: A name in `modules` or `exempt` is not in the graph.
    """
    for name in (*modules, *exempt):
        if name not in graph.modules:
            raise ValueError(f"there is no module {name}")
    impure = _with_descendants(graph, exempt)
    found = []
    reached: dict[str, tuple[str, ...]] = {
        name: (name,) for name in sorted(_with_descendants(graph, modules) - impure)
    }
    queue = list(reached)
    for module in queue:
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            chain = (*reached[module], imported)
            if imported in reached:
                continue
            if imported in impure or (
                graph.is_module_squashed(imported) and imported not in allowed
            ):
                found.append(Breach(chain))
            elif not graph.is_module_squashed(imported):
                reached[imported] = chain
                queue.append(imported)
    return found


def _with_descendants(graph: ImportGraph, names: Sequence[str]) -> set[str]:
    return set(names).union(*(graph.find_descendants(name) for name in names))


class PureContract(Contract):
    """A contract of import-linter, configured in pyproject.toml as `type = "pure"`."""

    modules = fields.ListField(subfield=fields.StringField())
    exempt = fields.ListField(subfield=fields.StringField())
    may_import = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - import-linter's signature
        """Judge the graph; called by import-linter."""
        found = breaches(
            graph,
            modules=cast(list[str], self.modules),
            exempt=cast(list[str], self.exempt),
            allowed=frozenset(cast(list[str], self.may_import)),
        )
        output.verbose_print(verbose, f"Found {len(found)} breaches.")
        return ContractCheck(kept=not found, metadata={"breaches": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print what is wrong; called by import-linter."""
        for breach in check.metadata["breaches"]:
            output.print_error(f"- {breach}", bold=False)
        output.new_line()
