"""Which dead letters of a configuration a command reads: all, or those of a named backplane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from experimentframework_core._plane.setup import letter_file
from experimentframework_core._reading.letters import letters_in
from experimentframework_core._reading.letters_elsewhere import letters_held_by
from experimentframework_core._reading.source import Source
from experimentframework_core.backplanes.composite import destinations
from experimentframework_core.cli._dead_letter_origins import EVERYBODY, Whose, only_of
from experimentframework_core.deadletter import LetterFilter
from experimentframework_core.errors import ReplayError
from experimentframework_core.plugin import ChannelSettings
from experimentframework_core.plugins import find_plugin

if TYPE_CHECKING:
    from experimentframework_core.config import ChannelConfig, DataPlaneOptions
    from experimentframework_core.plugin import BackplanePlugin


def letters_of(
    options: DataPlaneOptions, name: str | None, *, how: str, whose: Whose = EVERYBODY
) -> Source:
    """Return the dead letters of a configuration as a source; say which are left out.

    Args:
        options: The configuration.
        name: The backplane that did not take them; None for all.
        how: How one is named, as in ``--backplane``.
        whose: Whose letters are meant in a file.

    Raises:
        ValueError: There is no such backplane, or they are kept in several places.
        ReplayError: None are kept, or they cannot be read back.
        PluginError: The plugin of the backplane that has them cannot be used.
    """
    found = [each.config for each in destinations(options, find_plugin)]
    if name is not None and name not in (names := [each.name for each in found]):
        message = f"there is no destination of that name; expected {', '.join(names)}"
        raise ValueError(message)
    keeping = [each for each in found if each.on_failure == "deadLetter"]
    chosen = [each for each in keeping if name in (None, each.name)]
    if not chosen:
        message = "keeps no dead letters: its onFailure is drop"
        raise ReplayError(message)
    sources = [_source(each, name, whose) for each in chosen]
    if any((each.name, each.options) != (sources[0].name, sources[0].options) for each in sources):
        places = ", ".join(each.name for each in chosen)
        message = f"keeps dead letters in several places; say with {how} whose to read: {places}"
        raise ValueError(message)
    if sources[0].plugin.read is None:
        message = f"its dead letters go to {sources[0]}, which cannot be read back"
        raise ReplayError(message)
    path = letter_file(chosen[0])
    if path is not None and path.exists():
        only_of(whose, [path], LetterFilter(backplanes=(name,) if name else ()))
    return sources[0]


def _source(config: ChannelConfig, name: str | None, whose: Whose) -> Source:
    path = letter_file(config)
    if path is not None:
        return letters_in(path, "deadLetters", name, whose.origins)
    said = config.dead_letter.options
    plugin: BackplanePlugin[Any] = find_plugin(config.dead_letter.type)
    options = said if isinstance(said, ChannelSettings) else plugin.options()
    return letters_held_by(Source(plugin.type, plugin, options), name)
