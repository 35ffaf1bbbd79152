"""What the types of the options cannot say: every problem at once, nothing is opened."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions
    from experimentframework_core.plugin import Finding

_OF_ENDPOINT: Final = {
    "protocol": "protocol",
    "headers": "headers",
    "compression": "compression",
    "timeout_ms": "timeoutMs",
    "service_name": "serviceName",
    "resource_attributes": "resourceAttributes",
    "cafile": "cafile",
    "certfile": "certfile",
    "keyfile": "keyfile",
}
_OF_TLS: Final = ("cafile", "certfile", "keyfile")
_NEEDED: Final = {
    None: ("opentelemetry", ("opentelemetry.trace",)),
    "http/protobuf": ("otlp", ("opentelemetry.proto", "httpx")),
    "grpc": ("otlp-grpc", ("opentelemetry.proto", "grpc", "google.rpc")),
}
_header_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_address = re.compile(r"[^\s\\<>\"^`{|}]+")
_own_headers = frozenset(
    {"accept-encoding", "content-type", "content-encoding", "content-length", "host"}
)


def check_open_telemetry(options: OpenTelemetryOptions) -> Iterator[Finding]:
    """Yield what is wrong with the options, and what is not installed."""
    if not (options.traces or options.logs):
        message = "nothing would be sent; expected traces: true, logs: true or both"
        yield "traces", message, "error", ("logs",)
    if options.endpoint is None:
        yield from _without_endpoint(options)
    else:
        yield from _endpoint(options)
        yield from _headers(options)
    if missing := why_not_installed(options):
        yield "", missing, "error", ("endpoint", "protocol")


def why_not_installed(options: OpenTelemetryOptions) -> str | None:
    """Return which packages these options need and are not there, and how to get them."""
    extra, modules = _NEEDED[None if options.endpoint is None else options.protocol]
    missing = [name for name in modules if not _is_there(name)]
    if not missing:
        return None
    what = "without endpoint" if options.endpoint is None else f"with protocol {options.protocol}"
    return (
        f"the type openTelemetry {what} needs {' and '.join(missing)}, not installed here;"
        f' pip install "experimentframework[{extra}]"'
    )


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:  # a package around it is missing
        return False


def _without_endpoint(options: OpenTelemetryOptions) -> Iterator[Finding]:
    unsaid = type(options)()
    for field, key in _OF_ENDPOINT.items():
        if getattr(options, field) != getattr(unsaid, field):
            message = "has no effect without endpoint: the application's own providers export"
            yield key, message, "error", ("endpoint",)


def _endpoint(options: OpenTelemetryOptions) -> Iterator[Finding]:
    try:
        url = urlsplit(str(options.endpoint))
        why = _why_no_address(url, options.protocol)
    except ValueError:
        url, why = urlsplit(""), "is no address; expected one as in http://localhost:4318"
    if why:
        yield "endpoint", why, "error", ("protocol",)
        return
    for key in _OF_TLS:
        if url.scheme == "http" and getattr(options, key) is not None:
            message = "has no effect over http; expected an endpoint that begins with https://"
            yield key, message, "error", ("endpoint",)
    if options.keyfile is not None and options.certfile is None:
        yield "keyfile", "has no effect without certfile", "error", ("certfile",)


def _why_no_address(url: SplitResult, protocol: str) -> str | None:
    # What is wrong may hold a password or a token, so the address is not shown.
    port = 4317 if protocol == "grpc" else 4318
    if url.scheme not in {"http", "https"}:
        return f"begins with no http:// or https://; expected one, as in http://localhost:{port}"
    if "@" in url.netloc or url.query or url.fragment:
        return "an address has no user, ? or # in it; say keys and the like in headers"
    if not url.hostname or url.port == 0 or not _address.fullmatch(url.geturl()):
        return f"names no host, no port or no path; expected one, as in http://localhost:{port}"
    if protocol == "grpc" and url.path.strip("/"):
        return "gRPC has no path; expected only host and port"
    if url.path.rstrip("/").endswith(("/v1/traces", "/v1/logs")):
        return "leave out /v1/traces and /v1/logs, which are added"
    return None


def _headers(options: OpenTelemetryOptions) -> Iterator[Finding]:
    for name, value in options.headers.items():
        path = f"headers.{name}"
        if not _header_name.fullmatch(name):
            message = "is no name of a header; expected letters, digits and - as in api-key"
            yield path, message, "error", ()
        elif name.lower() in _own_headers or name.lower().startswith("grpc-"):
            yield path, "is set by the exporter itself; leave it out", "error", ()
        elif not value.reveal().isprintable() or not value.reveal().isascii():
            message = "holds a line break or another character that no header can have"
            yield path, message, "error", ()
