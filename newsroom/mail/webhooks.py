"""What providers report, taken in."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
