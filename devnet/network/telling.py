"""What `./dev devnet` prints, for a person at a terminal or reading a log."""

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.markup import escape

from devnet.network.demo import DemoOutcome
from devnet.network.journey import Step
from devnet.network.network import Devnet
from devnet.network.node import NodeProcess

_NAME_WIDTH = 9
_FOUR = 4


class Teller:
    """Prints progress, steps and the manual to one stream."""

    def __init__(self, stream: TextIO) -> None:
        """Print to `stream`; colours only where it is a terminal."""
        self._console = Console(file=stream, highlight=False, soft_wrap=True)

    def progress(self, text: str) -> None:
        """Print what is going on."""
        self._console.print(f"[dim]· {escape(text)}[/dim]")

    def step(self, step: Step) -> None:
        """Print a step of a job, a blank line before each job."""
        if step.name == "job":
            self._console.print()
        style = "bold green" if step.name == "payment" else "bold"
        lines = step.text.splitlines() or ["(empty)"]
        self._console.print(f"[{style}]{step.name:>{_NAME_WIDTH}}[/{style}]  {escape(lines[0])}")
        for line in lines[1:]:
            self._console.print(" " * (_NAME_WIDTH + 2) + escape(line))
        if step.link:
            self._console.print(f"{'':>{_NAME_WIDTH}}  [cyan]{escape(step.link)}[/cyan]")

    def failure(self, text: str) -> None:
        """Print why it ended."""
        self._console.print(f"[bold red]devnet:[/bold red] {escape(text)}")

    def nodes(self, nodes: Sequence[NodeProcess]) -> None:
        """Print who is where: name, role, process, address."""
        self._console.print()
        width = max(len(node.name) for node in nodes)
        for node in nodes:
            plan = node.plan
            parts = [plan.role, *(["coordinator"] if plan.coordinator else [])]
            text = f"{node.name:<{width}}  pid {node.process.pid:<7} {plan.url}/  "
            self._row("node", text + ", ".join(parts))

    def manual(self, network: Devnet, outcome: DemoOutcome) -> None:
        """Print what can be done now: addresses, key, lines that work when pasted."""
        url, first, *_ = network.url, *network.nodes
        others = ", ".join(f"http://localhost:{port}" for port in first.plan.http_ports[1:])
        self._console.print()
        self._row("explorer", f"{url}/")
        self._row("API", f"{url}/docs" + (f" (also on {others})" if others else ""))
        self._row("API key", "your-api-key (on this devnet a request without a key works too)")
        self._console.print("\nTry it:\n")
        self._console.print(escape(_curl_lines(url, outcome.inference.job_id)))
        victims = [node for node in network.nodes[1:] if node.plan.key]
        if len(victims) >= _FOUR - 1:
            self._console.print("\nKill a validator and see the chain go on without it:\n")
            self._console.print(escape(_kill_lines(url, victims[-1].process.pid)))
        self._console.print("\n[dim]Ctrl-C stops everything; the next start resumes.[/dim]")

    def _row(self, name: str, text: str) -> None:
        self._console.print(f"[bold]{name:>{_NAME_WIDTH}}[/bold]  {escape(text)}")


def _curl_lines(url: str, job_id: str) -> str:
    key = '-H "X-Api-Key: your-api-key"'
    payload = '{"payload": {"model": "llama2", "prompt": "Hello world"}, "ttl_seconds": 900}'
    return "\n".join(
        (
            f"curl -X POST {url}/v1/jobs \\",
            f'  -H "Content-Type: application/json" {key} \\',
            f"  -d '{payload}'",
            "",
            f"curl {url}/v1/jobs/{job_id} {key}",
            f"curl {url}/v1/jobs/{job_id}/result {key}",
            f"curl {url}/v1/jobs/{job_id}/payment {key}",
        )
    )


def _kill_lines(url: str, pid: int) -> str:
    return f"kill -9 {pid}\n.venv/bin/aitbc node status --node {url}"
