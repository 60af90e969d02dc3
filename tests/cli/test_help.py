"""What `--help` shows of each verb: its headings, its examples, on eighty columns."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer
from typer.main import get_command

from edgeconv.cli.main import app
from edgeconv.cli.verbs import EXAMPLES, examples
from tests.cli.conftest import Run


def _verbs(command: Any, before: tuple[str, ...] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, child in command.commands.items():
        words = (*before, name)
        found |= _verbs(child, words) if hasattr(child, "commands") else {" ".join(words): child}
    return found


VERBS = _verbs(get_command(app))


def test_every_verb_has_two_examples_that_parse() -> None:
    assert set(EXAMPLES) == set(VERBS)
    for verb, both in EXAMPLES.items():
        assert len(set(both)) == 2
        for words in both:
            VERBS[verb].make_context(verb, shlex.split(words))


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_fits_and_ends_with_the_examples(
    run: Run, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.strip() for line in run(*verb.split(), "--help").out.splitlines()]
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line][-2:] == examples(verb)


@pytest.mark.parametrize(
    ("verb", "headings"),
    [
        ("export", ["Net", "Input", "Files", "Quantization", "Checks", "Output"]),
        ("bench", ["Measuring", "Files", "Device", "Output"]),
        ("parity", ["Options", "Checks", "Device"]),
        ("eval", ["Options", "Task", "Device"]),
    ],
)
def test_options_stand_in_groups(run: Run, verb: str, headings: list[str]) -> None:
    shown = run(verb, "--help").out
    boxes = [line.split()[1] for line in shown.splitlines() if line.startswith("╭─")]
    assert boxes == ["Arguments", *headings]


def test_no_option_is_without_words() -> None:
    for verb, command in VERBS.items():
        for parameter in command.params:
            assert parameter.help, (verb, parameter.name)
            assert isinstance(parameter, typer.core.TyperOption | typer.core.TyperArgument)
