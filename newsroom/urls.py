"""All addresses of the site; each app brings its own."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from newsroom.web import health, robots

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("robots.txt", robots.robots_txt, name="robots"),
    path("favicon.ico", robots.favicon, name="favicon"),
    path("language/", set_language, name="set_language"),
    path("webhooks/", include("newsroom.mail.webhooks")),
    path("api/v1/", include("newsroom.api")),
    path("admin/", admin.site.urls),
    path("", include("newsroom.articles.urls")),
    path("", include("subscriptions.urls")),
    path("", include("digests.urls")),
]
