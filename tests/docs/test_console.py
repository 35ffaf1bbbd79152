"""Every command that the documentation shows is there, with the options that it is given."""

from __future__ import annotations

import re
import shlex
import sysconfig
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from experimentframework_core.cli._app import app_with
from tests.docs.pages import Block, all_blocks, blocks_of
from tests.packaging.layout import distribution_folders, root

scripts = Path(sysconfig.get_path("scripts"))
of_the_system = {"cat", "curl", "docker", "echo", "grep", "kill", "rm", "sleep", "sqlite3", "zcat"}
keywords = {"until", "do", "done"}
commands = typer.main.get_command(app_with())
shell_blocks = [block for block in all_blocks("console", "sh") if "&&" not in block.code]


@pytest.mark.parametrize("block", shell_blocks, ids=str)
def test_the_commands_of_a_block_exist(block: Block) -> None:
    """Given a block for the console, When its commands are looked up, Then all are there."""
    wrong = [fault for command in commands_of(block) for fault in faults_of(command, block)]

    assert wrong == []


def commands_of(block: Block) -> list[list[str]]:
    """Return the commands of a block, each in words; pipes and comments are cut."""
    joined = block.code.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if not re.match(r"\s*(#|$)", line)]
    words = [shlex.split(line.replace(";", " ; "), comments=True) for line in lines]
    return [command for line in words for command in split(line)]


def split(words: list[str]) -> list[list[str]]:
    """Return the commands between `|`, `&&` and `;`, without settings and redirections."""
    found: list[list[str]] = [[]]
    for word in words:
        if word in ("|", "&&", ";", "&"):
            found.append([])
        elif not found[-1] and word in keywords:
            continue
        elif found[-1] or not re.match(r"[A-Z_]+=", word):
            found[-1].append(word)
    return [command for command in found if command]


def faults_of(command: list[str], block: Block) -> list[str]:
    """Return what is wrong with one command."""
    name, *arguments = command
    match name:
        case "experimentframework":
            return faults_of_ours(arguments)
        case "pip":
            return [f"no extra {extra}" for extra in extras_of(arguments) if not is_extra(extra)]
        case "python" if arguments[0] == "-m":
            return [] if find_spec(arguments[1]) else [f"no module {arguments[1]}"]
        case "python":
            page = root / block.page
            shown = {shown.file for shown in blocks_of(page)}
            there = arguments[0] in shown or page.with_name(arguments[0]).exists()
            return [] if there else [f"{arguments[0]} is not on the page, nor beside it"]
        case ".":
            return [] if arguments == [".venv/bin/activate"] else ["an unknown environment"]
    there = name in of_the_system or (scripts / name).exists()
    return [] if there else [f"no command {name}"]


def faults_of_ours(arguments: list[str]) -> list[str]:
    """Return which parts of a call of `experimentframework` are not there."""
    assert isinstance(commands, TyperGroup)
    command = commands.commands.get(arguments[0])
    if isinstance(command, TyperGroup):
        command = command.commands.get(arguments[1])
    if command is None:
        return [f"no command experimentframework {arguments[0]}"]
    known = {option for parameter in command.params for option in parameter.opts}
    given = {each.partition("=")[0] for each in arguments[1:] if re.match(r"--?\w", each)}
    return [f"experimentframework {arguments[0]} has no {option}" for option in given - known]


def extras_of(arguments: list[str]) -> list[tuple[str, str]]:
    """Return (distribution, extra) of our distributions in a `pip install`."""
    found = []
    for argument in arguments:
        if asked := re.fullmatch(r"(?:\./)?(experimentframework[\w-]*)\[([\w,]+)\]", argument):
            name = asked[1].replace("_", "-")
            found += [(name, extra) for extra in asked[2].split(",")]
    return found


def is_extra(asked: tuple[str, str]) -> bool:
    """Return whether a distribution has that extra."""
    for folder in distribution_folders:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        if project["name"] == asked[0]:
            return asked[1] in project.get("optional-dependencies", {})
    return False
