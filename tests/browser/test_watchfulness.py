"""The browser's fixtures notice what they promise to notice."""

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_a_request_that_would_leave_this_machine_is_stopped_and_named(
    page: Page, complaints: list[str]
) -> None:
    page.set_content('<img src="https://elsewhere.example/pixel.gif" alt="">')

    assert complaints[0] == "asked for https://elsewhere.example/pixel.gif"
    complaints.clear()


def test_a_script_that_fails_is_noticed(page: Page, complaints: list[str]) -> None:
    page.set_content("<script>setTimeout(() => missing())</script>")
    for _time in range(100):
        if complaints:
            break
        page.wait_for_timeout(100)

    assert "missing is not defined" in complaints[0]
    complaints.clear()
