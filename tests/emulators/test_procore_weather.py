"""Weather in percent: some events twice, some late, some lost; the same seed strikes the same events."""

from __future__ import annotations

from typing import Any

from tests.emulators.test_procore_webhooks import project_of, subscribed
from tests.emulators.test_procore_world import (
    Procore,
    Receiver,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
    receiver,  # noqa: F401 - a fixture
)

# The fixtures are imported, so their names appear again as parameters.
# ruff: noqa: F811
COUNT = 60


def run(procore: Procore, receiver: Receiver, **weather: Any) -> tuple[list[int], list[int]]:
    """Sixty creations under that weather: the resource ids as they arrived, and those that were made."""
    receiver.received.clear()
    procore.control("POST", "/switches", weather)
    bulk = procore.control("POST", "/invoices/bulk", {"count": COUNT, "project_id": project_of(procore)})
    procore.control("POST", "/quiet", {"timeout": 20})
    return [int(body["resource_id"]) for body in receiver.bodies], [made["id"] for made in bulk]


def twice(arrived: list[int], made: list[int]) -> list[int]:
    return [place for place, one in enumerate(made) if arrived.count(one) == 2]


def test_a_share_of_the_events_is_delivered_twice_and_the_seed_says_which(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver)
    first = twice(*run(procore, receiver, duplicate_percent=25, weather_seed=7))
    assert 5 <= len(first) <= 28
    assert twice(*run(procore, receiver, duplicate_percent=25, weather_seed=7)) == first
    assert twice(*run(procore, receiver, duplicate_percent=25, weather_seed=8)) != first
    # The other decisions have dice of their own.
    assert twice(*run(procore, receiver, duplicate_percent=25, shuffle_percent=30, weather_seed=7)) == first
    arrived, made = run(procore, receiver, duplicate_percent=0, shuffle_percent=0)
    assert sorted(arrived) == sorted(made)


def test_a_share_of_the_deliveries_comes_late_and_is_overtaken(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver)
    arrived, made = run(procore, receiver, shuffle_percent=20, shuffle_seconds=3, weather_seed=3)
    assert sorted(arrived) == sorted(made)
    assert arrived != made
    late = procore.control("GET", "/events?kind=webhook_delayed")
    assert 3 <= len(late) <= 25
    behind = [one for place, one in enumerate(arrived) if one < max(arrived[: place + 1])]
    assert {int(line["subject"]) for line in late} & set(behind)
    in_time, made = run(procore, receiver, shuffle_percent=0)
    assert in_time == made


def test_lost_events_are_the_same_ones_too(procore: Procore, receiver: Receiver) -> None:
    subscribed(procore, receiver)

    def lost() -> list[int]:
        arrived, made = run(procore, receiver, drop=30, weather_seed=5)
        return [place for place, one in enumerate(made) if one not in arrived]

    first = lost()
    assert 5 <= len(first) <= 32
    assert lost() == first
