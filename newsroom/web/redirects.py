"""Where a browser goes on after a POST."""

from django.http import HttpResponseRedirect


def see_other(url: str) -> HttpResponseRedirect:
    """Go on there with a GET, so that loading the page anew posts nothing again (RFC 9110, 15.4.4).

    url: as it is to stand in Location; one that a visitor gave has to be checked before.
    """
    return HttpResponseRedirect(url, status=303)
