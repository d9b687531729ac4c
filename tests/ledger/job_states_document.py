"""Renders docs/job-states.md from the job table."""

from ledger.jobs import AUTOMATIC, TABLE, Cell, Ending, Step, Target
from ledger.records import JobState

HEADING = """# Job states

Rendered from `ledger/jobs.py` by a test that compares this file with the table; set
`REGENERATE_DOCUMENTS=1` for `tests/ledger/test_job_table.py` to write it anew.

A job is QUEUED, RUNNING, RECEIPT_IN or DISPUTED while it is live. When it ends it leaves the
state, and its outcome record tells how. `end` is the deadline plus the receipt grace; `due` is
when a receipt settles, or a dispute ends, by itself. Every action is checked in this order:
`JOB_UNKNOWN`, role, cell, attempt or receipt id, time, amounts.

Work does not expire while the chain stands still (J12): a limit of a job, lease or dispute that
lies in a halt counts until `gap_grace_ms` after the block that ended it.

"""


def render() -> str:
    """Return the whole document."""
    return HEADING + _diagram() + "\n" + _cells()


def _diagram() -> str:
    edges: dict[tuple[str, str], list[str]] = {}
    for row, cells in TABLE.items():
        for state, cell in cells.items():
            _add(edges, state, cell, row.name.lower())
    for state, step in AUTOMATIC.items():
        _add(edges, state, step, "automatic")
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> QUEUED : submit_job"]
    for (source, target), labels in edges.items():
        lines.append(f"    {source} --> {target} : {', '.join(dict.fromkeys(labels))}")
    lines += [f"    {ending.name} --> [*]" for ending in Ending]
    return "\n".join([*lines, "```", ""])


def _add(edges: dict[tuple[str, str], list[str]], state: JobState, cell: Cell, label: str) -> None:
    if isinstance(cell, Step):
        for target in cell.leads_to:
            edges.setdefault((state.name, target.name), []).append(label)


def _cells() -> str:
    states = list(JobState)
    lines = [
        "| action (signer) | " + " | ".join(state.name for state in states) + " |",
        "|---" * (len(states) + 1) + "|",
    ]
    for row, cells in TABLE.items():
        lines.append(_line(row.value, [cells[state] for state in states]))
    lines.append(_line("automatic, at the start of a block", [AUTOMATIC[s] for s in states]))
    return "\n".join(lines) + "\n"


def _line(title: str, cells: list[Cell]) -> str:
    return "| " + " | ".join([title, *map(_shown, cells)]) + " |"


def _shown(cell: Cell) -> str:
    if not isinstance(cell, Step):
        return f"`{cell.code}`"
    targets = " or ".join(_name(target) for target in cell.leads_to)
    lease = ", else `LEASE_LIVE`" if cell.after_lease else ""
    return f"{cell.when}{lease} → {targets}"


def _name(target: Target) -> str:
    return target.name if isinstance(target, JobState) else target.value
