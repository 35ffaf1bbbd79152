"""The checkout, once for each kind of view."""

import hashlib

from django.http import HttpRequest, JsonResponse

from experimentframework_core.exposure import current_subject
from experimentframework_core.web import plane_of


def variant_of(visitor: str) -> str:
    """Return the visitor's variant: the same every time, in every process."""
    digest = hashlib.sha256(f"checkout:{visitor}".encode()).digest()
    return ("control", "express")[digest[0] % 2]


async def checkout(request: HttpRequest) -> JsonResponse:
    """Show the checkout in the visitor's variant."""
    subject = current_subject()
    if subject is None:
        return JsonResponse({"variant": "control"})
    variant = variant_of(subject.subject_id)
    await plane_of(request).expose("checkout", variant, selection_reason="hash-assignment")
    return JsonResponse({"variant": variant})


def checkout_sync(request: HttpRequest) -> JsonResponse:
    """Do the same in a view that Django runs in a thread."""
    subject = current_subject()
    if subject is None:
        return JsonResponse({"variant": "control"})
    variant = variant_of(subject.subject_id)
    plane_of(request).expose_sync("checkout", variant, selection_reason="hash-assignment")
    return JsonResponse({"variant": variant})
