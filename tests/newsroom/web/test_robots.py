"""What every site is asked for unasked: robots.txt, an icon, and names that are not its own."""

import logging

import pytest
from django.test import Client
from django.urls import reverse


@pytest.mark.parametrize(
    "private", [reverse("admin:index"), "/u/", reverse("preferences"), reverse("check_inbox"), "/confirm/"]
)
def test_robots_are_asked_to_keep_out_of_private_pages_and_the_desk(private: str, client: Client) -> None:
    answer = client.get("/robots.txt")

    assert answer["Content-Type"] == "text/plain"
    lines = answer.content.decode().splitlines()
    assert lines[0] == "User-agent: *"
    assert f"Disallow: {private}" in lines
    assert "Disallow: /" not in lines


def test_the_icon_is_found_where_programs_look_for_it(client: Client) -> None:
    answer = client.get("/favicon.ico")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/static/img/favicon")


def test_a_wrong_host_is_one_warning_without_a_traceback(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.get("/newsletters/", headers={"host": "elsewhere.example"})

    assert answer.status_code == 400
    found = [record for record in caplog.records if record.name == "django.security.DisallowedHost"]
    assert found
    assert {(record.levelno, record.exc_info) for record in found} == {(logging.WARNING, None)}
