"""Two judges of one document: the loader, and a validator with the JSON Schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from experimentframework_core.config import json_schema, load_text
from experimentframework_core.errors import ConfigurationError, PluginNotFoundError
from experimentframework_core.plugins import installed_plugins
from tests.core.config.sample_plugins import courier
from tests.core.config.sample_plugins import plain as plain_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plugin import BackplanePlugin, Finding


def _marked(plugin: BackplanePlugin[Any]) -> BackplanePlugin[Any]:
    """Return a plugin whose own check says of each of its problems that it is its own."""

    def check(options: Any) -> Iterator[Finding]:
        for path, message, *severity in plugin.check(options) if plugin.check else ():
            yield (path, f"{OWN_CHECK}: {message}", *severity)  # type: ignore[misc]

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
    r"is taken by|is (tried|listed) already": "all names together",
    r"unknown condition|no condition has the key": "the keys of the trial's conditions",
    r"only the last rule can|what the attribute must be": "the rules together",
    r"a hypothesis of type \w+ needs it|for the outcome is binary": "two keys together",
    r"fallbackToSpecificTrial needs it": "two keys together",
    r"dataPlane.backplane: missing": "another file may say it",
    # of one setting, but in words that JSON Schema has not
    r"unknown event type|expected at least 1 event type": "event types are registered in Python",
    r"cannot be redacted|has a setting of its own": "payload fields are registered in Python",
    r"unknown (convention|provider)": "a rule, as a type in code may stand there",
    r"bytes in UTF-8": "a schema counts characters",
    r"no such home folder|NUL character": "what a file system takes",
    r"out of range: nan|not a finite number": "JSON has no such number",
    rf"{OWN_CHECK}: |the plugin failed in its check|the office is shut": "a plugin's own check",
    # of the text, not of what it says
    r"(^|[^$])\$\{": "what an expression becomes is known where it is loaded",
    r"duplicate key|tag '.*' is not supported|YAML .* is not supported": "gone when it is read",
    r"half of a surrogate pair": "gone when it is read",
}
"""Problems that no schema can see, each with the reason."""


def find_plugin(type_name: str) -> BackplanePlugin[Any]:
    """Return a plugin of the tests, or an installed one."""
    if type_name not in PLUGINS:
        raise PluginNotFoundError(f"no type '{type_name}'", plugin=type_name)
    return PLUGINS[type_name]


def by_the_loader(text: str, name: str = "e.yaml") -> list[str]:
    """Return the messages of the loader's errors."""
    try:
        load_text(text, name=name, find_plugin=find_plugin)
    except ConfigurationError as error:
        wrong = [problem for problem in error.problems if problem.severity == "error"]
        return [f"{problem.path}: {problem.message}" for problem in wrong]
    return []


def by_the_schema(text: str) -> list[str]:
    """Return the messages of the validator; one where the text cannot be read."""
    try:
        document = plain(text)
    except YAMLError as error:
        return [str(error)]
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


def of_shape(problems: list[str]) -> list[str]:
    """Return the problems that a schema can see."""
    return [each for each in problems if not any(re.search(rule, each) for rule in RULES_ONLY)]


def plain(text: str) -> object:
    """Return a text as plain data, read as YAML 1.2 without dates: JSON Schema has none."""
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor(
        "tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node)
    )
    return yaml.load(text)
