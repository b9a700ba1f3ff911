"""Where a browser goes on after a POST."""

from django.http import HttpResponse


def see_other(url: str) -> HttpResponse:
    """Go on there with a GET, so that loading the page anew posts nothing again (RFC 9110, 15.4.4).

    url: as it is to stand in Location; one that a visitor gave has to be checked before.
    """
    return HttpResponse(status=303, headers={"Location": url})
