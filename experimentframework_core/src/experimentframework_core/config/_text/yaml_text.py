"""Builds the tree from ruamel.yaml's events. Imported late: it costs 50 ms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from ruamel.yaml.scanner import Scanner

from experimentframework_core.config._problems.report import one_line
from experimentframework_core.config._text.refusals import (
    EMPTY,
    HALF_A_CHARACTER,
    KEY_ALONE,
    LONGEST_KEY,
    TOO_LONG_KEY,
    Unreadable,
    doubt_of,
    duplicate,
    too_deep,
    too_many_nodes,
)
from experimentframework_core.config._text.yaml_errors import in_words
from experimentframework_core.config._tree import (
    UNKNOWN,
    Entry,
    Items,
    Mapping,
    Node,
    Place,
    Scalar,
    below,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.config._problems.report import Report


_TAG = "a tag is not supported; leave it out, or put text that begins with ! in quotes"
_ALIAS_OF_ITSELF = "alias inside what it repeats; nothing can hold itself"
_NO_ANCHOR = (
    "alias without its anchor above; write the anchor before what it repeats, or put text that"
    " begins with * in quotes"
)


def build(text: str, report: Report, *, most_nodes: int, deepest: int) -> Node | None:
    """Return the tree of ``text``, read as YAML 1.2; None after a problem that ends the reading.

    Args:
        text: The document; JSON is YAML too.
        report: Takes the problems.
        most_nodes: Keys, values and items at most, with every alias counted as what it repeats.
        deepest: Levels at most.
    """
    try:
        return _Builder(_events(text, deepest), report, most_nodes, deepest).document()
    except Unreadable as error:
        report.add("", error.place, str(error))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        report.add("", _place(mark) if mark else None, in_words(error, text))
    except YAMLError as error:
        report.add("", None, f"not YAML: {error}")
    return None


class _Anchored(NamedTuple):
    node: Node
    nodes: int
    levels: int


def _events(text: str, deepest: int) -> Iterator[Event]:
    class BoundedScanner(Scanner):
        """Opens no more brackets than it must: each open one costs time at every token."""

        def fetch_flow_collection_start(self, *opened: Any, **how: Any) -> None:  # noqa: ANN401
            if self.flow_level >= deepest:
                raise _too_deep(deepest, _place(self.reader.get_mark()))
            super().fetch_flow_collection_start(*opened, **how)

    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    yaml.Scanner = BoundedScanner
    found: Iterator[Event] = yaml.parse(text)
    return found


class _Builder:
    """Builds nodes from events, bounded in number and depth."""

    def __init__(
        self, events: Iterator[Event], report: Report, most_nodes: int, deepest: int
    ) -> None:
        self._events = events
        self._report = report
        self._most_nodes = most_nodes
        self._deepest = deepest
        self._nodes = 0
        self._anchors: dict[str, _Anchored] = {}
        self._open: list[str | None] = []

    def document(self) -> Node | None:
        """Return the root of the first document, which must be the only one."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    message = "second document; expected one, so leave '---' out or split the file"
                    raise Unreadable(message, self._place(event))
                self._check_version(event)
            elif isinstance(event, NodeEvent):
                root = self._node(event, "", 1)
        if root is None:
            self._report.add("", Place(1, 1), EMPTY)
        return root

    def _place(self, event: Event) -> Place:
        return _place(event.start_mark, self._report.file)

    def _check_version(self, event: DocumentStartEvent) -> None:
        if event.version not in (None, (1, 2)):
            version = ".".join(str(number) for number in event.version)
            place = Place(max(self._place(event).line - 1, 1), 1)
            self._report.add("", place, f"YAML {version} is not supported; expected YAML 1.2")

    def _node(self, event: Event, path: str, level: int) -> Node:
        if isinstance(event, AliasEvent):
            return self._alias(event, level)
        place = self._place(event)
        if not isinstance(event, (CollectionStartEvent, ScalarEvent)):
            raise Unreadable("not YAML: expected a value", place)
        if level > self._deepest:
            raise _too_deep(self._deepest, place)
        before = self._nodes
        self._count(1, place)
        if event.tag is not None:
            self._report.add(path, place, _TAG)
        self._open.append(event.anchor)
        node = self._untagged(event, path, level)
        self._open.pop()
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(node, self._nodes - before, _levels(node))
        return node

    def _untagged(self, event: CollectionStartEvent | ScalarEvent, path: str, level: int) -> Node:
        if isinstance(event, ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, path, level)
        return self._items(event, path, level)

    def _alias(self, event: AliasEvent, level: int) -> Node:
        place = self._place(event)
        if event.anchor in self._open:
            raise Unreadable(_ALIAS_OF_ITSELF, place)
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            raise Unreadable(_NO_ANCHOR, place)
        if level + anchored.levels - 1 > self._deepest:
            raise _too_deep(self._deepest, place)
        self._count(anchored.nodes, place)
        return anchored.node

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > self._most_nodes:
            raise Unreadable(too_many_nodes(self._most_nodes), place)

    def _scalar(self, event: ScalarEvent, path: str) -> Scalar:
        place = self._place(event)
        value: object = event.value
        if not event.value.isascii():
            value = self._paired(event.value, path, place)
        return Scalar(value, place, plain=event.style is None)

    def _paired(self, value: str, path: str, place: Place) -> object:
        r"""Return ``value`` with JSON's ``\ud83d\ude00`` as one character."""
        try:
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            self._report.add(path, place, HALF_A_CHARACTER)
            return UNKNOWN

    def _items(self, event: CollectionStartEvent, path: str, level: int) -> Items:
        items: list[Node] = []
        for each in self._events:
            if isinstance(each, SequenceEndEvent):
                break
            items.append(self._node(each, below(path, len(items)), level + 1))
        return Items(tuple(items), self._place(event))

    def _mapping(self, event: MappingStartEvent, path: str, level: int) -> Mapping:
        entries: dict[str, Entry] = {}
        for each in self._events:
            if isinstance(each, MappingEndEvent):
                break
            place = self._place(each)
            key = self._key(each, path, level)
            doubt = doubt_of(key or "")
            said = next(self._events)
            value = self._node(said, below(path, "?" if doubt else key or "?"), level + 1)
            if event.flow_style and _is_nothing(said):
                doubt = doubt or KEY_ALONE
            if key in entries:
                inside = path if entries[key].doubt else below(path, key)
                self._report.add(inside, place, duplicate(entries[key]))
            elif key is not None:
                entries[key] = Entry(key, value, place, doubt)
        return Mapping(tuple(entries.values()), self._place(event))

    def _key(self, event: Event, path: str, level: int) -> str | None:
        node = self._node(event, path, level + 1)
        if not isinstance(node, Scalar):
            self._report.add(path, self._place(event), "a key must be text")
            return None
        if node.value is UNKNOWN:
            return None
        if len(str(node.value)) > LONGEST_KEY:
            raise Unreadable(TOO_LONG_KEY, self._place(event))
        if node.plain and node.value == "<<":
            message = "merge key '<<' is not part of YAML 1.2; repeat the keys"
            self._report.add(path, self._place(event), message)
            return None
        return one_line(str(node.value))


def _is_nothing(event: Event) -> bool:
    return isinstance(event, ScalarEvent) and event.style is None and not event.value


def _too_deep(deepest: int, place: Place) -> Unreadable:
    return Unreadable(too_deep(deepest), place)


def _levels(node: Node) -> int:
    if isinstance(node, Mapping):
        return 1 + max((_levels(entry.value) for entry in node.entries), default=0)
    if isinstance(node, Items):
        return 1 + max((_levels(item) for item in node.items), default=0)
    return 1


def _place(mark: Any, file: str | None = None) -> Place:  # noqa: ANN401 - ruamel's marks are Any
    return Place(mark.line + 1, mark.column + 1, file)
