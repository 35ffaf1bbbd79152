"""Runs the Python blocks of one page in order, in one namespace: given as JSON on stdin.

A block with `await` at its top runs in the page's event loop, one without runs as it is.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import sys


def main() -> None:
    """Run each block of stdin's list of {"place": …, "code": …}."""
    namespace: dict[str, object] = {"__name__": "page"}
    with asyncio.Runner() as runner:
        for block in json.load(sys.stdin):
            code = compile(
                block["code"],
                block["place"],
                "exec",
                flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
                dont_inherit=True,
            )
            result = eval(code, namespace)  # noqa: S307 - the documentation's own code
            if inspect.isawaitable(result):
                runner.run(_finish(result))


async def _finish(awaitable: object) -> None:
    assert inspect.isawaitable(awaitable)
    await awaitable


if __name__ == "__main__":
    main()
