"""The app that an ASGI server runs: Django, in a plane that is opened and drained with it."""

import os
from pathlib import Path

from django.core.asgi import get_asgi_application

from experimentframework_core.web import PlaneMiddleware, RequestView, SubjectMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

CONFIGURATION = os.environ.get("EXPERIMENTS", Path(__file__).parents[1] / "experiments.yaml")


def visitor(request: RequestView) -> str | None:
    """Return whom the request is about; None for somebody without the cookie."""
    return request.cookies.get("visitor")


application = PlaneMiddleware(
    SubjectMiddleware(get_asgi_application(), provider=visitor),
    CONFIGURATION,
)
