"""Two judges of one document: the loader, and a validator with the JSON Schema."""

from __future__ import annotations

import json
import re
from contextlib import chdir
from typing import TYPE_CHECKING, Any

import msgspec
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode, SequenceNode

from experimentframework_core.config import json_schema, load_text, read_configuration
from experimentframework_core.errors import ConfigurationError, PluginNotFoundError
from experimentframework_core.plugins import installed_plugins
from tests.core.config.sample_plugins import courier
from tests.core.config.sample_plugins import plain as plain_type

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from experimentframework_core.plugin import BackplanePlugin, Finding


def _marked(plugin: BackplanePlugin[Any]) -> BackplanePlugin[Any]:
    """Return a plugin whose own check says of each of its problems that it is its own."""

    def check(options: Any) -> Iterator[Finding]:
        for path, message, *severity in plugin.check(options) if plugin.check else ():
            yield (path, f"{OWN_CHECK}: {message}", *severity)

    return msgspec.structs.replace(plugin, check=check)


OWN_CHECK = "the plugin says"
PLUGINS: dict[str, BackplanePlugin[Any]] = {
    plugin.type: _marked(plugin)
    for plugin in (courier, plain_type, *(found.plugin for found in installed_plugins()))
    if plugin is not None
}
VALIDATOR = Draft202012Validator(json_schema(PLUGINS.values()))

RULES_ONLY = {
    # between settings
    r"(?i)the (same|opposite) (as|of) (?!experimentFramework)": "two keys together",
    r"longer than|not after": "compares two values",
    r"has no effect": "only for some types or places, or with another key",
    r"(composite|failover) has it": "only for some types",
    r"needs a folder|is of a memory buffer": "type, whenFull and path",
    r"durable needs a buffer": "ack and every buffer",
    r"keeps events in order": "redaction and the order of the backplanes",
    r"a \w+ inside a \w+": "the groups around it",
    r"is taken by|is listed already": "all names together",
    r"unknown condition|no condition has the key": "the keys of the trial's conditions",
    r"only the last rule can|what the attribute must be": "the rules together",
    r"a hypothesis of type \w+ needs it|for the outcome is binary": "two keys together",
    r"fallbackToSpecificTrial needs it": "two keys together",
    r"dataPlane.backplane: missing": "another file may say it",
    # of one setting, but in words that JSON Schema has not
    r"(unknown|no|at least 1) event type": "event types are registered in Python",
    r"cannot be redacted|has a setting of its own": "payload fields are registered in Python",
    r"unknown (convention|provider)": "a rule, as a type in code may stand there",
    r"bytes in UTF-8": "a schema counts characters",
    r"no such home folder|NUL character": "what a file system takes",
    r"out of range: nan|not a finite number": "JSON has no such number",
    rf"{OWN_CHECK}: |the plugin failed in its check|the office is shut": "a plugin's own check",
    # of the text, not of what it says
    r"^(?!.*: unknown key |: not YAML).*(^|[^$])\$\{": "what it becomes is known when it is loaded",
    r"duplicate key|a tag is not supported|YAML .* is not supported": "gone when it is read",
    r"merge key '<<'|second document": "gone when it is read",
    r"matches no file|no configuration in this folder": "what there is in a folder",
    r"the file '.*' cannot be read": "what there is in a folder",
    r"expected the same in both": "compares two files",
    r"half of a surrogate pair": "gone when it is read",
}
"""Problems that no schema can see, each with the reason."""


def find_plugin(type_name: str) -> BackplanePlugin[Any]:
    """Return a plugin of the tests, or an installed one."""
    if type_name not in PLUGINS:
        raise PluginNotFoundError(f"no type '{type_name}'", plugin=type_name)
    return PLUGINS[type_name]


def by_the_loader(text: str | bytes, name: str = "e.yaml") -> list[str]:
    """Return the messages of the loader's errors."""
    try:
        load_text(text, name=name, find_plugin=find_plugin)
    except ConfigurationError as error:
        wrong = [problem for problem in error.problems if problem.severity == "error"]
        return [f"{problem.path}: {problem.message}" for problem in wrong]
    return []


def in_files(path: Path) -> list[str]:
    """Return the messages of the loader's errors in a broken file or folder."""
    with chdir(path.parent):
        loaded = read_configuration(path.name, find_plugin)
    wrong = [problem for problem in loaded.problems if problem.severity == "error"]
    return [f"{problem.path}: {problem.message}" for problem in wrong]


def by_the_schema(text: str | bytes, name: str = "e.yaml") -> list[str]:
    """Return the messages of the validator; one where the text cannot be read."""
    try:
        decoded = text if isinstance(text, str) else text.decode()
        document = plain_json(decoded) if name.endswith(".json") else plain(decoded)
        errors = list(VALIDATOR.iter_errors(document))
    except (YAMLError, ValueError, RecursionError) as error:
        return [str(error)]
    return [f"{error.json_path}: {error.message}" for error in errors]


def of_shape(problems: list[str]) -> list[str]:
    """Return the problems that a schema can see."""
    return [each for each in problems if not any(re.search(rule, each) for rule in RULES_ONLY)]


def plain(text: str) -> object:
    """Return a text as plain data, read as YAML 1.2 without dates: JSON Schema has none.

    What is gone when it is read is passed over: tags, keys that come again, more documents.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.allow_duplicate_keys = True
    yaml.constructor.add_constructor(None, _untagged)
    yaml.constructor.add_constructor(
        "tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node)
    )
    return next(iter(yaml.load_all(text)), None)


def plain_json(text: str) -> object:
    """Return a JSON text as plain data, without comments and last commas."""
    without_comments = re.sub(r"(?<!\S)//.*$|/\*.*?\*/", "", text, flags=re.MULTILINE)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", without_comments))


def _untagged(constructor: Any, node: Any) -> Any:
    if isinstance(node, ScalarNode):
        return constructor.construct_scalar(node)
    if isinstance(node, SequenceNode):
        return constructor.construct_sequence(node, deep=True)
    return constructor.construct_mapping(node, deep=True)
