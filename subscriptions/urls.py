"""The readers' pages. Those with a token stand in mails that people keep for years: their shape never changes."""

from django.urls import path

from subscriptions.views import (
    confirming,
    declining,
    embedding,
    leaving,
    legal,
    new_address,
    own_data,
    preferences,
    signing_up,
)

urlpatterns = [
    path("newsletters/", signing_up.newsletters, name="newsletters"),
    path("subscribe/", signing_up.subscribe, name="subscribe"),
    path("subscribe/sent/", signing_up.check_inbox, name="check_inbox"),
    path("embed/<slug:slug>/", embedding.embed, name="embed"),
    path("confirm/<str:token>/", confirming.confirm, name="confirm"),
    path("preferences/", preferences.preferences, name="preferences"),
    path("preferences/link/", preferences.request_link, name="request_link"),
    path("preferences/close/", preferences.close, name="close_preferences"),
    path("preferences/data/", own_data.own_data, name="own_data"),
    path("preferences/data/json/", own_data.as_json, name="own_data_json"),
    path("preferences/data/html/", own_data.as_page, name="own_data_html"),
    path("preferences/proof/", own_data.proof, name="consent_proof"),
    path("preferences/erase/", own_data.erase, name="erase"),
    path("preferences/undo/", preferences.undo_leaving, name="undo_leaving"),
    path("preferences/again/", preferences.deliver_again, name="deliver_again"),
    path("preferences/address/", new_address.ask, name="new_address"),
    path("preferences/<str:token>/", preferences.preferences_link, name="preferences_link"),
    path("address/<str:token>/", new_address.confirm, name="confirm_address"),
    path("address/<str:token>/undo/", new_address.undo, name="undo_address"),
    path("u/<str:token>", leaving.leave, name="leave"),
    path("u/<str:token>/undo", leaving.undo, name="undo"),
    path("not-me/<str:token>", declining.decline, name="decline"),
    path("not-me/<str:token>/undo", declining.undo, name="undo_declining"),
    path("imprint/", legal.imprint, name="imprint"),
    path("privacy/", legal.privacy, name="privacy"),
]
