"""Addresses of the public pages of digests. They stand in mails that people keep for years."""

from django.urls import path

from digests import views

urlpatterns = [
    path("newsletters/<slug:slug>/", views.newsletter, name="newsletter"),
    path("newsletters/<slug:slug>/<int:number>/", views.digest, name="digest"),
    path("newsletters/<slug:slug>/feed.atom", views.atom, name="newsletter_atom"),
    path("newsletters/<slug:slug>/feed.json", views.json_feed, name="newsletter_json"),
    path("r/<str:token>", views.redirect, name="redirect"),
]
