"""Which view serves which path."""

from django.urls import path

from shop import views

urlpatterns = [
    path("checkout", views.checkout),
    path("checkout/sync", views.checkout_sync),
]
