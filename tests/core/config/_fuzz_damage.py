"""Ways to damage a configuration, each by chance but the same for the same seed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.core.config._fuzz_bases import in_json, in_yaml
from tests.core.config.documents import JUNK
from tests.core.config.judges import plain, plain_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.core.config._fuzz_bases import Base

LARGEST = 1024 * 1024
TOKENS = [
    *"\n\t :-[]{},#&*!|>'\"%@`$?\\=.<\0\x07\x85\u2028\ufeff\x1b\x7f",
    *("${", "${X}", "${file:/nope}", "${file:/}", "$${", "&a ", "*second", "!!str ", "<<: *second"),
    *("---\n", "...\n", "? ", "- ", "null", "1e999", ".nan", "0x1F", "9" * 30, "\ud800", "\udc00"),
    *("2026-01-01", "T00:00:00", "00:00:30", "PT", "control", "type: custom\n", "options: "),
    *(
        "%YAML 1.1\n",
        '"\\ud83d"',
        "[" * 70,
        "- " * 70,
        "type: failover\n",
        "dataPlane: ",
        "//",
        "/*",
    ),
]
TAGS = [
    "!!str ",
    "!!int ",
    "!!binary ",
    "!!set ",
    "!secret ",
    "!<x> ",
    "! ",
    "!!python/none ",
    "!a!b ",
]
ENCODINGS = [
    *(
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "utf-8-sig",
        "utf-7",
        "cp1252",
        "cp037",
        "mac-roman",
    ),
    *("shift-jis", "gb18030", "iso8859-15"),
]


def bytes_flipped(base: Base, rng: Random) -> bytes:
    """Change single bytes or bits."""
    data = bytearray(base.text.encode())
    for _ in range(rng.choice([1, 1, 2, 5, 50])):
        where = rng.randrange(len(data))
        data[where] = (
            rng.randrange(256) if rng.random() < 0.5 else data[where] ^ 1 << rng.randrange(8)
        )
    return bytes(data)


def tokens_put_in(base: Base, rng: Random) -> bytes:
    """Cut a piece out, and put something in that means something to a reader."""
    text = base.text
    for _ in range(rng.choice([1, 1, 2, 4])):
        start = rng.randrange(len(text) + 1)
        put = rng.choice(TOKENS) * rng.choice([1, 1, 1, 3, 100])
        text = text[:start] + put + text[start + rng.choice([0, 0, 1, 5, 40]) :]
    return text.encode(errors="surrogatepass")


def cut(base: Base, rng: Random) -> bytes:
    """Lose the end, the beginning or a piece."""
    data = base.text.encode()
    first, last = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return rng.choice([data[:first], data[last:], data[:first] + data[last:]])


def lines_moved(base: Base, rng: Random) -> bytes:
    """Say lines twice, swap them, leave them out, indent them otherwise."""
    lines = base.text.splitlines(keepends=True)
    for _ in range(rng.choice([1, 1, 2, 5])):
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(5):
            case 0:
                lines.insert(other, lines[one])
            case 1:
                lines[one], lines[other] = lines[other], lines[one]
            case 2:
                lines[one] = rng.choice([" ", "  ", "\t", "- "]) + lines[one]
            case 3:
                lines[one] = lines[one].removeprefix(" ")
            case _:
                lines[one] = (
                    lines[one].rstrip() + rng.choice([" #", ":", ",", " x", "\r", " ? :"]) + "\n"
                )
    return "".join(lines).encode()


def keys_said_twice(base: Base, rng: Random) -> bytes:
    """Say a key twice, by the same or another spelling."""
    lines = base.text.splitlines(keepends=True)
    keyed = [number for number, line in enumerate(lines) if ":" in line]
    for _ in range(rng.choice([1, 2, 10])):
        number = rng.choice(keyed)
        key, _, rest = lines[number].partition(":")
        spelt = rng.choice([key, key, key.upper(), f"{key} ", key.replace('"', "'")])
        lines.insert(number + rng.randrange(2), f"{spelt}:{rest}")
    return "".join(lines).encode()


def nested(base: Base, rng: Random) -> bytes:
    """Nest deeper, up to far deeper than anybody reads."""
    levels = rng.choice([3, 30, 60, 64, 65, 500, 5000, 50_000])
    start = rng.randrange(len(base.text))
    if rng.random() < 0.5:
        put = rng.choice(["[", "{a: ", '{"a":', "- ", "[{", "? "]) * levels
    else:
        put = "\n" + "".join(f"{' ' * level}a:\n" for level in range(min(levels, 700)))
    return (base.text[:start] + put + base.text[start:]).encode()


def grown(base: Base, rng: Random) -> bytes:
    """Grow over a limit: bytes, nodes, or the length of a key or value."""
    start = base.text.index("\n", rng.randrange(max(len(base.text) - 50, 1)) // 2) + 1
    put = rng.choice([
        "# " + "x" * LARGEST + "\n",
        "x" * rng.choice([300, 10_000, LARGEST]) + ": 1\n",
        "x: " + "y" * rng.choice([10_000, LARGEST]) + "\n",
        "x: [" + "1," * rng.choice([5000, 25_000, 500_000]) + "]\n",
        "x:\n" + "- a\n" * rng.choice([5000, 25_000, 250_000]),
        "".join(f"k{number}: 1\n" for number in range(rng.choice([500, 12_000, 90_000]))),
        '"' * rng.choice([5000, 200_000]),
        " " * rng.choice([100_000, LARGEST]),
        "\n" * rng.choice([100_000, LARGEST]),
        "a: |\n" + " x\n" * rng.choice([5000, 300_000]),
        "&a " * rng.choice([3000, 100_000]),
        "${X:-" * rng.choice([3000, 100_000]),
    ])  # fmt: skip
    return (base.text[:start] + put + base.text[start:]).encode()


def aliases(base: Base, rng: Random) -> bytes:
    """Put anchors, aliases and merge keys in, also such that grow out of all bounds."""
    if rng.random() < 0.5:
        wide, high = rng.choice([2, 5, 9, 40]), rng.choice([3, 6, 14, 60])
        bomb = ["a0: &a0 [x, x]"]
        for level in range(1, high):
            many = ", ".join([f"*a{level - 1}"] * wide)
            bomb.append(f"a{level}: &a{level} " + rng.choice(["[{}]", "{{k: [{}]}}"]).format(many))
        return ("\n".join(bomb) + "\n" + base.text).encode()
    lines = base.text.splitlines(keepends=True)
    for _ in range(rng.choice([1, 3, 8])):
        number = rng.randrange(len(lines))
        put = rng.choice([": &b ", ": *b ", ": *b\n", ":\n  <<: *b\n", ": &b\n"])
        lines[number] = lines[number].replace(": ", put, 1) if ": " in lines[number] else "&b\n"
    return "".join(lines).encode()


def tagged(base: Base, rng: Random) -> bytes:
    """Put tags before values and keys."""
    parts = base.text.split(" ")
    for _ in range(rng.choice([1, 3, 20])):
        number = rng.randrange(len(parts))
        parts[number] = rng.choice(TAGS) + parts[number]
    return " ".join(parts).encode()


def encoded(base: Base, rng: Random) -> bytes:
    """Save it in another encoding, some with bytes of a third in it."""
    text = base.text.replace("a", rng.choice(["a", "a", "ä", "ß", "日"]), rng.randrange(3))
    data = text.encode(rng.choice(ENCODINGS), errors="replace")
    if rng.random() < 0.3:
        where = rng.randrange(len(data))
        data = (
            data[:where] + rng.choice([b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\0"]) + data[where:]
        )
    return data


def values_changed(base: Base, rng: Random) -> bytes:
    """Change, rename, move or leave out keys and values of what the text says."""
    read = plain_json if base.name.endswith(".json") else plain
    document: Any = json.loads(json.dumps(read(base.text), default=str))
    for _ in range(rng.choice([1, 1, 2, 5])):
        places = list(_places(document))
        if not places:
            break
        holder, key = rng.choice(places)
        match rng.randrange(4):
            case 0:
                holder[key] = rng.choice(JUNK)
            case 1:
                other, wanted = rng.choice(places)
                holder[key] = json.loads(json.dumps(other[wanted], default=str))
            case 2 if isinstance(holder, dict):
                named = rng.choice([str(key).upper(), f"{key}s", str(key)[:-1], "${X}", "type", ""])
                holder[named] = holder.pop(key)
            case _:
                del holder[key]
    write = in_json if base.name.endswith(".json") or rng.random() < 0.2 else in_yaml
    return write(json.loads(json.dumps(document, default=str))).encode(errors="surrogatepass")


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each mapping or list with each key or index in it."""
    keys = document if isinstance(document, dict) else range(len(document))
    for key in keys:
        yield document, key
        if isinstance(document[key], dict | list):
            yield from _places(document[key])


DAMAGES: list[Callable[[Base, Random], bytes]] = [
    bytes_flipped,
    tokens_put_in,
    cut,
    lines_moved,
    keys_said_twice,
    nested,
    grown,
    aliases,
    tagged,
    encoded,
    values_changed,
]
"""Every kind of damage; each is as likely as the others."""
