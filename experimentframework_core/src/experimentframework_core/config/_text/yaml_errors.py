"""Words what ruamel.yaml says of a text that is no YAML, and what helps."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

_ADVICE = {
    "mapping values are not allowed": (
        "a colon with a space behind it begins a value: put text that has one in quotes, and look"
        " at the indentation and the colons of the lines above"
    ),
    "expected <block end>": "the indentation fits none of the lines above",
    "could not find expected ':'": "a key ends with a colon and a space",
    r"character '\t'": "indent with spaces, not with tabs",
    "that cannot start any token": "put text that begins with it in quotes",
}
"""What helps, by what ruamel.yaml says."""

_ESCAPES = "a backslash in double quotes begins an escape: put the text in single quotes"
_NAMED = re.compile(r"(tag handle) .*")


def in_words(error: MarkedYAMLError, text: str) -> str:
    """Return the message of a problem; ``text`` is all that was read."""
    mark = error.problem_mark or error.context_mark
    line = re.split("\r\n|[\r\n]", text)[mark.line] if mark else ""
    return f"not YAML: {_said(error)}{_advice(error.problem or '', line)}"


def _said(error: MarkedYAMLError) -> str:
    """Return what ruamel.yaml says, without the names that it quotes."""
    context = error.context
    if context and error.context_mark and error.problem_mark:
        context = f"{context} from line {error.context_mark.line + 1}"
    return ", ".join(_NAMED.sub(r"\1", part) for part in (context, error.problem) if part)


def _advice(problem: str, line: str) -> str:
    """Return what helps: by the problem, and where a plain ``${…}`` is cut by its braces."""
    if "escape" in problem:
        return f"; {_ESCAPES}"
    if "${" in line:
        return "; inside [ ] and { } put ${…} in quotes"
    helps = (advice for said, advice in _ADVICE.items() if said in problem)
    return "".join(f"; {advice}" for advice in islice(helps, 1))
