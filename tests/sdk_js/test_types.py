"""The JavaScript package's types: TypeScript understands them, and they tell what there is."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.documents import run
from tests.sdk_js.programs import HERE, PACKAGE, Program

TYPESCRIPT = HERE / "typescript_package"
"""Pinned by version and digest; npm installs it into `node_modules`, which is no part of this."""

INSTALL_LIMIT_S = 300

_EXPORTS = re.compile(r"^export (?:class|const|function) (\w+)", re.MULTILINE)
_BODIES = re.compile(
    r"^export (?:class|interface) (\w+)[^\n]* {\n(.*?)^}", re.MULTILINE | re.DOTALL
)
_METHODS = re.compile(r"^  (\w+)\(", re.MULTILINE)


@pytest.fixture(scope="module")
def compiler(npm: str) -> Path:
    """Return TypeScript's compiler, which npm installs once."""
    lock = (TYPESCRIPT / "package-lock.json").read_bytes()
    installed = TYPESCRIPT / "node_modules" / "installed"
    if not installed.exists() or installed.read_bytes() != lock:
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command,
            cwd=TYPESCRIPT,
            capture_output=True,
            text=True,
            timeout=INSTALL_LIMIT_S,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"TYPESCRIPT IS MISSING: npm could not install it: {done.stderr[-500:]}")
        installed.write_bytes(lock)
    return TYPESCRIPT / "node_modules" / "typescript" / "bin" / "tsc"


async def test_a_strict_program_compiles_and_wrong_ones_do_not(
    program: Program, compiler: Path
) -> None:
    for name in ("usage.ts", "tsconfig.json"):
        shutil.copy(TYPESCRIPT / name, program.folder)
    (program.folder / "package.json").write_text('{"type": "module"}')
    ran = await run(program.node_js, str(compiler), "--project", str(program.folder))
    assert (ran.code, ran.out) == (0, "")


async def test_the_types_name_exactly_what_is_exported(program: Program) -> None:
    text = (PACKAGE / "src" / "index.d.ts").read_text()
    declared = set(_EXPORTS.findall(text))
    told = "import * as all from '@aitbc/client'; console.log(JSON.stringify(Object.keys(all)));"
    ran = await program.run(told, "")
    assert declared == set(json.loads(ran.out))
    members = """
        import { AITBCClient } from '@aitbc/client';
        const client = new AITBCClient();
        const methods = (made) => Object.getOwnPropertyNames(Object.getPrototypeOf(made))
          .filter((name) => name !== 'constructor');
        const found = Object.entries(client).map(([name, made]) => [name, methods(made)]);
        console.log(JSON.stringify([['', methods(client)], ...found]));
    """
    ran = await program.run(members, "")
    bodies = dict(_BODIES.findall(text))
    for resource, methods in json.loads(ran.out):
        name = f"{resource[:1].upper()}{resource[1:]}" or "AITBCClient"
        typed = set(_METHODS.findall(bodies[name])) - {"constructor"}
        assert typed == set(methods), name
