"""Addresses of the pages of digests outside the admin. They stand in mails that people keep for years."""

from django.urls import path

from digests import approval_page, views

urlpatterns = [
    path("newsletters/<slug:slug>/", views.newsletter, name="newsletter"),
    path("newsletters/<slug:slug>/<int:number>/", views.digest, name="digest"),
    path("newsletters/<slug:slug>/feed.atom", views.atom, name="newsletter_atom"),
    path("newsletters/<slug:slug>/feed.json", views.json_feed, name="newsletter_json"),
    path("r/<str:token>", views.redirect, name="redirect"),
    path("approve/<str:token>/", approval_page.approve, name="approve"),
    path("approve/<str:token>/mail/", approval_page.mail, name="approve_mail"),
]
