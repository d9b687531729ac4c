"""Each style check reports what it is there for, and leaves alone what is right."""

from collections.abc import Sequence

import pytest

from devnet.checks import CHECKS, Check, Source, Violation
from devnet.checks.names import empty_names
from devnet.checks.packages import package_surfaces
from devnet.checks.sizes import FILE_LINES_MAX, FUNCTION_LINES_MAX, file_size, function_size
from devnet.checks.texts import (
    belittling_words,
    dead_links,
    machine_addresses,
    optimised_python,
    unfinished_marks,
)
from devnet.checks.wire import field_docstrings


def found(check: Check, *sources: Source) -> list[Violation]:
    return list(check(sources))


def function_of(lines: int, docstring: str = "") -> str:
    body = [f"    value_{number} = {number}" for number in range(lines - 1)]
    head = ["def long():", *([f'    """{docstring}"""'] if docstring else [])]
    return "\n".join([*head, *body]) + "\n"


def test_a_file_of_the_limit_passes_and_one_line_more_does_not() -> None:
    assert found(file_size, Source("ledger/a.py", "x = 1\n" * FILE_LINES_MAX)) == []
    (violation,) = found(file_size, Source("ledger/a.py", "x = 1\n" * (FILE_LINES_MAX + 1)))
    assert violation.size == FILE_LINES_MAX + 1
    assert violation.key == "ledger/a.py"


@pytest.mark.parametrize("path", ["docs/a.md", "explorer_web/static/vendor/htmx.js", "data.json"])
def test_documents_data_and_vendored_files_may_be_long(path: str) -> None:
    assert found(file_size, Source(path, "x\n" * 2000)) == []


def test_what_a_program_made_for_browsers_may_be_long_and_nothing_else() -> None:
    made = "// Made of others.\n// Do not edit: python -m them\n" + "x\n" * 2000
    assert found(file_size, Source("explorer_web/static/made.js", made)) == []
    assert found(file_size, Source("explorer_web/made.js", made)) != []
    assert found(file_size, Source("explorer_web/static/made.js", "x\n" * 2000 + made)) != []


def test_a_function_of_the_limit_passes_and_one_line_more_does_not() -> None:
    assert found(function_size, Source("a.py", function_of(FUNCTION_LINES_MAX))) == []
    (violation,) = found(function_size, Source("a.py", function_of(FUNCTION_LINES_MAX + 1)))
    assert (violation.subject, violation.size) == ("long", FUNCTION_LINES_MAX + 1)


def test_a_docstring_does_not_count_towards_a_functions_size() -> None:
    text = function_of(FUNCTION_LINES_MAX, docstring="One.\n\nTwo.\n")
    assert found(function_size, Source("a.py", text)) == []


def test_a_method_is_named_with_its_class_so_that_the_baseline_finds_it() -> None:
    body = function_of(FUNCTION_LINES_MAX + 1).replace("\n", "\n    ")
    (violation,) = found(function_size, Source("a.py", f"class Big:\n    {body}\n"))
    assert violation.key == "a.py:Big.long"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ledger/utils.py", ""),
        ("node/common/state.py", ""),
        ("node/string_helpers.py", ""),
        ("node/a.py", "class PeerManager: ...\n"),
        ("node/a.py", "def misc(): ...\n"),
        ("node/a.py", "class HTTPUtil: ...\n"),
    ],
)
def test_a_name_that_says_nothing_is_reported(path: str, text: str) -> None:
    assert len(found(empty_names, Source(path, text))) == 1


@pytest.mark.parametrize(
    "text", ["def common_prefix(): ...\n", "class Utility: ...\n", "def commonly(): ...\n"]
)
def test_names_that_only_resemble_the_empty_ones_pass(text: str) -> None:
    assert found(empty_names, Source("node/a.py", text)) == []


def test_belittling_words_are_reported_in_prose_and_not_in_code() -> None:
    word = "sim" + "ply"
    text = f"Run it, {word.title()}.\n`{word}`\n```\n{word}\n```\nAdjust it.\n"
    (violation,) = found(belittling_words, Source("docs/a.md", text))
    assert violation.line == 1
    assert found(belittling_words, Source("ledger/a.py", text)) == []


@pytest.mark.parametrize("mark", ["TO" + "DO", "FIX" + "ME", "XX" + "X"])
def test_unfinished_marks_are_reported_wherever_they_stand(mark: str) -> None:
    for path in ("ledger/a.py", "docs/a.md", "dev"):
        assert len(found(unfinished_marks, Source(path, f"# {mark}: later\n"))) == 1
    assert found(unfinished_marks, Source("a.py", f"x = '{mark}XX'\n")) == []


@pytest.mark.parametrize(
    "text",
    [
        "--index-url https://" + "pypi" + ".org/simple\n",
        '"resolved": "https://registry.' + "npmjs" + '.org/x/-/x.tgz"\n',
        "cd /" + "home/ann/aitbc\n",
        'path = "/' + 'Users/ann/keys"\n',
    ],
)
def test_addresses_of_a_machine_or_an_index_are_reported(text: str) -> None:
    assert len(found(machine_addresses, Source("a.txt", text))) == 1


@pytest.mark.parametrize(
    "text", ["~/" + "home/x", "docs/home/page", "https://x.example/home/a", "$R/" + "home/a"]
)
def test_relative_paths_and_urls_are_no_machine_paths(text: str) -> None:
    assert found(machine_addresses, Source("a.txt", text + "\n")) == []


@pytest.mark.parametrize(
    "text", ["exec python" + " -O -m node", "python3.11 -P" + " -OO x.py", "PYTHON" + "OPTIMIZE=1"]
)
def test_starting_python_without_assertions_is_reported(text: str) -> None:
    assert len(found(optimised_python, Source("run.sh", text + "\n"))) == 1


@pytest.mark.parametrize("target", ["b.md", "../dev", "../node/", "../node/a.py#loop", "#top"])
def test_links_to_what_is_there_are_alive(target: str) -> None:
    others = [Source(path, "") for path in ("docs/b.md", "dev", "node/a.py")]
    assert found(dead_links, Source("docs/a.md", f"[text]({target})\n"), *others) == []


@pytest.mark.parametrize("target", ["c.md", "/docs/b.md", "../../b.md", "b.md/c"])
def test_a_link_to_nothing_is_reported(target: str) -> None:
    document = Source("docs/a.md", f"See `[x](y)`.\n[text]({target})\n")
    (violation,) = found(dead_links, document, Source("docs/b.md", ""))
    assert violation.line == 2


def test_links_out_of_the_repository_are_not_followed() -> None:
    text = "[a](https://example.org/x) <http://localhost:8011/docs> [m](mailto:a@example.org)\n"
    assert found(dead_links, Source("docs/a.md", text)) == []


STRUCTS = '''
import msgspec

class Base(msgspec.Struct, frozen=True):
    """Base."""

class Vote(Base, frozen=True):
    """A vote."""

    view: int
    """View, from 1."""
    KIND: ClassVar[int] = 1
    signer: bytes
'''


def test_a_field_of_a_wire_type_without_a_docstring_is_reported_through_inheritance() -> None:
    (violation,) = found(field_docstrings, Source("consensus/messages.py", STRUCTS))
    assert violation.subject == "Vote.signer"


def test_a_base_class_in_another_module_makes_a_wire_type_too() -> None:
    base, vote = STRUCTS.split("class Vote")
    sources = [Source("ledger/base.py", base), Source("ledger/vote.py", f"class Vote{vote}")]
    assert [item.path for item in found(field_docstrings, *sources)] == ["ledger/vote.py"]


def test_structs_outside_the_wire_packages_are_not_the_wire_checks_business() -> None:
    assert found(field_docstrings, Source("coordinator/a.py", STRUCTS)) == []


def test_a_package_needs_a_surface_and_a_readme() -> None:
    bare = Source("market/__init__.py", '"""Market."""\n')
    assert [item.check for item in found(package_surfaces, bare)] == [
        "package-surface",
        "package-readme",
    ]
    declared = Source("market/__init__.py", "__all__ = ['offer']\n")
    assert found(package_surfaces, declared, Source("market/README.md", "Market.\n")) == []


def test_a_subpackage_needs_a_surface_and_no_readme_of_its_own() -> None:
    top = Source("market/__init__.py", "__all__: list[str] = []\n")
    readme = Source("market/README.md", "Market.\n")
    inner = Source("market/offers/__init__.py", "")
    assert [item.path for item in found(package_surfaces, top, readme, inner)] == [inner.path]


def test_a_file_that_does_not_parse_is_left_to_the_linter() -> None:
    broken: Sequence[Source] = [Source("ledger/__init__.py", "def (:\n")]
    for check in CHECKS:
        assert all(item.check.startswith("package-") for item in check(broken))
