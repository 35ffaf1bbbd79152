"""Whom we trust, and who we are, where the connection to a collector is encrypted."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from experimentframework_core.errors import UnavailableError

if TYPE_CHECKING:
    from experimentframework_core.backplanes.opentelemetry import OpenTelemetryOptions


def ssl_context(options: OpenTelemetryOptions) -> ssl.SSLContext:
    """Return the settings of TLS.

    Raises:
        UnavailableError: A file cannot be read, or is none of PEM.
    """
    try:
        context = ssl.create_default_context(cafile=options.cafile)
        if options.certfile is not None:
            # A password is asked for at the terminal where none is given.
            context.load_cert_chain(options.certfile, options.keyfile, password="")
    except OSError as error:  # ssl.SSLError is one
        raise UnavailableError(
            f"cannot use cafile, certfile or keyfile of {options.endpoint}:"
            f" {error.strerror or error}; expected files in PEM, and a key without a password"
        ) from error
    return context


def pem(path: str | None) -> bytes | None:
    """Return what a file holds; None for none.

    Raises:
        UnavailableError: It cannot be read.
    """
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnavailableError(f"cannot read {path}: {error.strerror}") from error
