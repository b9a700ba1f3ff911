"""Addresses of what readers read."""

from django.urls import path

from newsroom.articles import views

urlpatterns = [
    path("", views.front, name="front"),
    path("articles/<slug:slug>/", views.article, name="article"),
    path("authors/<slug:slug>/", views.author, name="author"),
    path("submissions/", views.submission_rules, name="submission_rules"),
    path("media/cuts/<str:crop>/<path:path>", views.piece, name="piece"),
    path("media/<path:path>", views.media, name="media"),
]
