"""Visits the shop as many users would: each sees the checkout, and some of them buy.

It ends by itself, and needs nothing but Python: ``python load.py --url http://127.0.0.1:8000``.
"""

import argparse
import json
import secrets
import threading
import time
from collections import Counter
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit


def main() -> None:
    """Send requests for some seconds, and say what came back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--log", type=Path, help="write a line of JSON for each request")
    given = parser.parse_args()
    crowd = Crowd(given.url, time.monotonic() + given.seconds)
    clients = [threading.Thread(target=crowd.visit, args=(n,)) for n in range(given.clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if given.log:
        given.log.write_text("".join(json.dumps(each) + "\n" for each in crowd.done))
    found = Counter(each["status"] for each in crowd.done)
    print(f"{len(crowd.done)} requests, {len(crowd.done) / given.seconds:,.0f} a second")
    for status, count in found.most_common():
        print(f"  {status or 'no answer'}: {count}")


class Crowd:
    """Users who come from several clients at once, each over a connection that is kept."""

    def __init__(self, url: str, until: float) -> None:
        """Send to ``url`` up to that moment of the monotonic clock."""
        self.address = urlsplit(url).netloc
        self.until = until
        self.run = secrets.token_hex(3)
        self.done: list[dict[str, str | int | None]] = []

    def visit(self, client: int) -> None:
        """Send one request after the other."""
        connection = HTTPConnection(self.address, timeout=30)
        number = 0
        while time.monotonic() < self.until:
            user = f"u-{self.run}-{client}-{number}"
            self.ask(connection, "GET", "/checkout", user)
            if number % 3 == 0:
                self.ask(connection, "POST", "/purchase", user)
            number += 1
        connection.close()

    def ask(self, connection: HTTPConnection, method: str, path: str, user: str) -> None:
        """Send one request, once; a lost answer is noted and not asked for again."""
        body, headers = None, {"cookie": f"user={user}"}
        if method == "POST":
            headers["content-type"] = "application/json"
            body = json.dumps({"amount": len(user) + 0.99})
        status, event = None, None
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            said = answer.read()
            status = answer.status
            event = json.loads(said).get("event") if status == HTTPStatus.OK else None
        except (OSError, HTTPException):
            connection.close()
            time.sleep(0.01)
        self.done.append({"path": path, "user": user, "status": status, "event": event})


if __name__ == "__main__":
    main()
