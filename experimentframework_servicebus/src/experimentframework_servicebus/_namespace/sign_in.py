"""Why the service may have refused how we sign in, as far as the options show it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from experimentframework_servicebus._namespace.connection_string import ConnectionString, parse

if TYPE_CHECKING:
    from experimentframework_core.units import Secret
    from experimentframework_servicebus._options import ServiceBusOptions

_EXPIRY = re.compile(r"[ &]se=([0-9]{1,11})(?:&|$)")


def why_refused(options: ServiceBusOptions, now: datetime) -> str:
    """Return what to look at after the service has refused how we sign in."""
    if options.connection_string is None:
        return "the service refuses the application's Azure identity; see azure-identity"
    found = parse(options.connection_string.reveal())
    signature = found.signature if isinstance(found, ConnectionString) else None
    if signature is None:
        return (
            "the service refuses SharedAccessKeyName or SharedAccessKey of connectionString; the "
            "key may have been renewed, or this machine's clock be wrong"
        )
    expired = when_expired(signature, now)
    if expired is not None:
        return f"the SharedAccessSignature of connectionString expired at {expired}; make a new one"
    return (
        "the service refuses the SharedAccessSignature of connectionString; its key may have been "
        "renewed, or it be for another queue or topic; make a new one"
    )


def when_expired(signature: Secret, now: datetime) -> str | None:
    """Return when a signature expired; None where it has not, or does not say."""
    said = _EXPIRY.search(signature.reveal())
    if said is None or int(said[1]) > now.timestamp():
        return None
    return datetime.fromtimestamp(int(said[1]), UTC).isoformat()
