"""Newsroom's Celery with one task more: the shortest way from a wake-up to a call that arrives."""

import http.client
import os

from bench.rig import HTTP_PORT
from newsroom.celery import app

__all__ = ["app"]


@app.task(name="bench.touch")
def touch() -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ[HTTP_PORT]), timeout=10)
    connection.request("POST", "/v3/mg.example.org/messages", body=b"to=reader")
    connection.getresponse().read()
    connection.close()
