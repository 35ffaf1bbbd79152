"""Splits a batch into statements: what to run, and the few words of T-SQL that steer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from tests.peers.tds.errors import SqlError, unknown
from tests.peers.tds.lexer import Group, Token, is_sign, is_word, items_of, split, written
from tests.peers.tds.names import name_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.peers.tds.lexer import Item


class Query(NamedTuple):
    """SELECT, INSERT, UPDATE, DELETE."""

    items: Sequence[Item]


class Definition(NamedTuple):
    """CREATE, ALTER, DROP."""

    items: Sequence[Item]


class Assignment(NamedTuple):
    """DECLARE and SET of a variable; no items is NULL."""

    variable: str
    items: Sequence[Item]


class Setting(NamedTuple):
    """SET of an option of the connection, as in NOCOUNT ON."""

    words: str


class Execution(NamedTuple):
    """EXEC of a procedure, or of a text; ``into`` takes its return status."""

    into: str | None
    procedure: str
    arguments: Sequence[tuple[str, Sequence[Item]]]


class Branch(NamedTuple):
    """IF and ELSE."""

    condition: Sequence[Item]
    then: Sequence[Statement]
    otherwise: Sequence[Statement]


class Attempt(NamedTuple):
    """BEGIN TRY and BEGIN CATCH."""

    tried: Sequence[Statement]
    caught: Sequence[Statement]


class Throw(NamedTuple):
    """THROW number, text, state; nothing throws again what was caught."""

    arguments: Sequence[Sequence[Item]]


class Transaction(NamedTuple):
    """BEGIN, COMMIT or ROLLBACK of a transaction."""

    verb: str


class Pause(NamedTuple):
    """WAITFOR DELAY."""

    seconds: float


class Return(NamedTuple):
    """RETURN: the batch is over."""


Step: TypeAlias = (
    Definition | Assignment | Setting | Execution | Throw | Transaction | Pause | Return
)
Statement: TypeAlias = Query | Branch | Attempt | Step

_run: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
_define: Final = ("CREATE", "ALTER", "DROP")
_steer: Final = (
    *("DECLARE", "SET", "EXEC", "EXECUTE", "IF", "ELSE", "BEGIN", "END", "THROW", "COMMIT"),
    *("ROLLBACK", "RETURN", "WAITFOR", "PRINT", "WHILE"),
)
_joins: Final = ("UNION", "ALL", "EXCEPT", "INTERSECT")


def parse(text: str) -> list[Statement]:
    """Return the statements of a batch.

    Raises:
        SqlError: It has something that this server does not know.
    """
    parser = _Parser(items_of(text))
    return list(parser.statements())


class _Parser:
    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._at = 0

    def statements(self, *, until_end: bool = False) -> Iterator[Statement]:
        while self._skip_signs():
            if until_end and self._is("END"):
                self._at += 1
                return
            yield from self._statement()

    def _skip_signs(self) -> bool:
        while self._at < len(self._items) and is_sign(self._items[self._at], ";"):
            self._at += 1
        return self._at < len(self._items)

    def _is(self, *words: str, ahead: int = 0) -> bool:
        at = self._at + ahead
        return at < len(self._items) and is_word(self._items[at], *words)

    def _statement(self) -> Iterator[Statement]:
        if self._is(*_run):
            yield Query(self._query())
        elif self._is(*_define):
            yield Definition(self._definition())
        else:
            word = self._items[self._at]
            rule = _rules.get(word.says) if isinstance(word, Token) else None
            if rule is None:
                raise unknown("this statement", written(self._items[self._at :]))
            yield from rule(self)

    def _until(self, *words: str) -> Sequence[Item]:
        """Return the items up to one of these words or a semicolon; words inside CASE are not."""
        start, cases = self._at, 0
        while self._at < len(self._items) and not is_sign(self._items[self._at], ";"):
            if self._is("CASE"):
                cases += 1
            elif cases and self._is("END"):
                cases -= 1
            elif not cases and self._at > start and self._is(*words):
                break
            self._at += 1
        return self._items[start : self._at]

    def _query(self) -> Sequence[Item]:
        """Return a query; one that begins with INSERT or WITH has a SELECT of its own."""
        start, whole = self._at, self._is("SELECT", "UPDATE", "DELETE")
        updates = self._is("UPDATE")
        words = tuple(word for word in _steer if word != "SET" or not updates)
        self._until(*_run, *_define, *words)
        while self._is("SELECT", "INSERT", "UPDATE", "DELETE") and (
            not whole or is_word(self._items[self._at - 1], *_joins)
        ):
            whole = whole or self._is("SELECT")
            self._until(*_run, *_define, *words)
        while self._is("WITH"):
            self._until(*_run, *_define, *words)
        return self._items[start : self._at]

    def _definition(self) -> Sequence[Item]:
        """Return a definition; that of a view goes to the end of the batch."""
        start = self._at
        if self._is("VIEW", ahead=1):
            self._at = len(self._items)
            return self._items[start:]
        self._until(*_run, *_define, *_steer)
        return self._items[start : self._at]

    def _rest(self) -> Sequence[Item]:
        """Return what follows a word, up to the next statement; nothing before a semicolon."""
        self._at += 1
        if self._at >= len(self._items) or is_sign(self._items[self._at], ";"):
            return ()
        return self._until(*_run, *_define, *_steer)

    def declare(self) -> Iterator[Statement]:
        for part in split(self._rest()):
            named = part[0]
            assert isinstance(named, Token)
            at = next((at for at, item in enumerate(part) if is_sign(item, "=")), len(part))
            yield Assignment(named.says, part[at + 1 :])

    def set(self) -> Iterator[Statement]:
        items = self._rest()
        first = items[0]
        assert isinstance(first, Token)
        if first.kind == "variable":
            yield Assignment(first.says, items[2:])
        else:
            yield Setting(written(items).upper())

    def execute(self) -> Iterator[Statement]:
        items = self._rest()
        into = None
        if isinstance(items[0], Token) and items[0].kind == "variable":
            into, items = items[0].says, items[2:]
        if isinstance(items[0], Group):
            yield Execution(into, "", [("", items[0].items)])
            return
        name, at = name_parts(items, 0)
        yield Execution(into, name[-1].lower(), [_argument(each) for each in split(items[at:])])

    def branch(self) -> Iterator[Statement]:
        self._at += 1
        condition = self._until(*_run, *_define, *_steer)
        then = self._body()
        otherwise: Sequence[Statement] = ()
        behind = self._at
        if self._skip_signs() and self._is("ELSE"):
            self._at += 1
            otherwise = self._body()
        else:
            self._at = behind
        yield Branch(condition, then, otherwise)

    def _body(self) -> Sequence[Statement]:
        if not self._skip_signs():
            raise SqlError(102, "Incorrect syntax near 'IF'.", severity=15)
        return list(self._statement())

    def begin(self) -> Iterator[Statement]:
        if self._is("TRAN", "TRANSACTION", ahead=1):
            self._at += 2
            yield Transaction("begin")
            return
        if self._is("TRY", ahead=1):
            tried = self._attempted()
            if not (self._skip_signs() and self._is("BEGIN") and self._is("CATCH", ahead=1)):
                raise SqlError(102, "Incorrect syntax near 'TRY'.", severity=15)
            yield Attempt(tried, self._attempted())
            return
        self._at += 1
        yield from self.statements(until_end=True)

    def _attempted(self) -> Sequence[Statement]:
        """Return what stands between BEGIN TRY and END TRY, or BEGIN CATCH and END CATCH."""
        self._at += 2
        found = list(self.statements(until_end=True))
        self._at += 1
        return found

    def end_transaction(self) -> Iterator[Statement]:
        verb = self._items[self._at]
        assert isinstance(verb, Token)
        self._at += 2 if self._is("TRAN", "TRANSACTION", "WORK", ahead=1) else 1
        yield Transaction(verb.says.lower())

    def throw(self) -> Iterator[Statement]:
        yield Throw(split(self._rest()))

    def wait(self) -> Iterator[Statement]:
        *_, delay = self._rest()
        assert isinstance(delay, Token)
        hours, minutes, seconds = delay.says.split(":")
        yield Pause((int(hours) * 60 + int(minutes)) * 60 + float(seconds))

    def leave(self) -> Iterator[Statement]:
        self._rest()
        yield Return()


def _argument(items: Sequence[Item]) -> tuple[str, Sequence[Item]]:
    """Return the name and the value of an argument, as in ``@Resource = N'…'``."""
    first = items[0]
    if isinstance(first, Token) and first.kind == "variable" and len(items) > 1:
        return first.says, [item for item in items[2:] if not is_word(item, "OUTPUT")]
    return "", items


_rules: Final[dict[str, Callable[[_Parser], Iterator[Statement]]]] = {
    "BEGIN": _Parser.begin,
    "COMMIT": _Parser.end_transaction,
    "DECLARE": _Parser.declare,
    "EXEC": _Parser.execute,
    "EXECUTE": _Parser.execute,
    "IF": _Parser.branch,
    "RETURN": _Parser.leave,
    "ROLLBACK": _Parser.end_transaction,
    "SET": _Parser.set,
    "THROW": _Parser.throw,
    "WAITFOR": _Parser.wait,
}
