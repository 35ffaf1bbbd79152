"""What the types of the options cannot say: every problem at once, nothing is opened."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import fsspec

from experimentframework_core.config import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from experimentframework_core.plugin import Finding
    from experimentframework_lake._options import LakeOptions

_COMPRESSIONS = {"ndjson": ("none", "gzip"), "parquet": ("none", "gzip", "snappy", "zstd")}
_SECRETS = {
    "account_key",
    "client_secret",
    "connection_string",
    "credential",
    "key",
    "password",
    "sas_token",
    "secret",
    "token",
}
_OURS = {"asynchronous", "loop", "protocol", "skip_instance_cache", "use_listings_cache"}


def check_lake(options: LakeOptions) -> Iterator[Finding]:
    """Yield what is wrong with the options."""
    if why := _why_no_url(options.url):
        yield "url", why, "error", ()
    if options.format == "parquet" and find_spec("pyarrow") is None:
        message = 'parquet needs pyarrow: pip install "experimentframework-lake[parquet]"'
        yield "format", message, "error", ()
    known = _COMPRESSIONS[options.format]
    if options.compression not in (None, *known):
        message = f"{options.format} has no '{options.compression}'; expected {listed(known)}"
        yield "compression", message, "error", ("format",)
    if len(set(options.partition_by)) < len(options.partition_by):
        yield "partitionBy", "names a folder twice; leave one out", "error", ()
    yield from _settings(options)


def _why_no_url(url: str) -> str | None:
    """Return what is wrong; the URL is not shown, because a password may be in it."""
    scheme, separator, rest = url.partition("://")
    if "::" in url or "?" in url or "#" in url:
        return "expected one plain URL, without '::', '?' and '#'"
    if "@" in rest.split("/")[0] and scheme not in ("abfs", "abfss"):
        return "a URL has no user in it; give it under storageOptions, a secret under secretOptions"
    if not (rest if separator else url).strip("/"):
        return "names no folder; expected as in s3://bucket/events"
    try:
        fsspec.get_filesystem_class(scheme if separator else "file")
    except ValueError:
        return f"fsspec knows no '{scheme}://'; expected as in s3://, abfs://, gs:// or file://"
    except ImportError as error:
        return f"{scheme}:// needs another package: {error}"
    return None


def _settings(options: LakeOptions) -> Iterator[Finding]:
    for name in options.storage_options:
        path = f"storageOptions.{name}"
        if name in _OURS:
            yield path, "the plugin sets it itself; leave it out", "error", ()
        elif name in options.secret_options:
            message = "stands under secretOptions too; leave one out"
            yield path, message, "error", ("secretOptions",)
        elif name in _SECRETS:
            yield path, "may be a secret; give it under secretOptions", "error", ()
    for name in _OURS & options.secret_options.keys():
        yield f"secretOptions.{name}", "the plugin sets it itself; leave it out", "error", ()
