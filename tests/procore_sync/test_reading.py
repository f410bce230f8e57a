"""Procore's JSON, as it is documented and as it should never be."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procore_sync import reading

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "procore"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="../shared/reference/procore is missing here")


def reference(name: str) -> Any:
    return json.loads((REFERENCE / name).read_text(), parse_float=Decimal)


@needs_reference
@pytest.mark.parametrize(
    ("version", "resource", "procore_id", "project_id"),
    [
        ("v2_0", "RFIs", 54321, 2468013579),
        ("v3_0", "Direct Cost Line Items", 379913, 2468013579),
        ("v4_0", "Direct Cost Line Items", 379913, 6778),
        ("v4_0_observed", "Projects", 598134326517540, None),
    ],
)
def test_every_documented_format(version: str, resource: str, procore_id: int, project_id: int | None) -> None:
    body = json.dumps(reference("webhook_payloads.json")[version]).encode()
    event = reading.event(body)
    assert (event.resource, event.procore_id, event.project_id) == (resource, procore_id, project_id)
    assert event.reason in ("update", "create")


def test_the_event_key_is_procores_ulid_then_its_id_then_the_bytes() -> None:
    assert reading.event_key(b'{"id": 5, "ulid": "01ABC"}') == "id:01ABC"
    assert reading.event_key(b'{"id": "01XYZ"}') == "id:01XYZ"
    assert reading.event_key(b'{"id": {"$ne": 1}}').startswith("sha256:")
    assert reading.event_key(b"not json").startswith("sha256:")
    assert reading.event_key(b"a") != reading.event_key(b"b")


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_called_unreadable(body: bytes) -> None:
    assert len(reading.event_key(body)) <= 80
    try:
        event = reading.event(body)
    except reading.Unreadable:
        return
    assert event.procore_id > 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {
            "resource_name": JSON,
            "event_type": JSON,
            "resource_id": JSON,
            "company_id": JSON,
            "project_id": JSON,
            "id": JSON,
        }
    )
)
def test_any_json_with_the_right_keys_is_read_or_called_unreadable(data: dict[str, Any]) -> None:
    body = json.dumps(data).encode()
    assert len(reading.event_key(body)) <= 80
    try:
        event = reading.event(body)
    except reading.Unreadable:
        return
    assert 0 < event.procore_id <= reading.MAX_ID
    assert "\x00" not in event.resource


@pytest.mark.parametrize("value", [True, None, 1.5, "1e2", -3, 0, "", "9" * 40, {}, [], "12a", 10**19])
def test_what_is_no_id(value: object) -> None:
    body = json.dumps(
        {
            "resource_name": "Draw Requests",
            "event_type": "update",
            "company_id": 1,
            "project_id": 1,
            "resource_id": value,
        }
    ).encode()
    with pytest.raises(reading.Unreadable):
        reading.event(body)


@given(st.decimals(min_value=-(10**11), max_value=10**11, places=2, allow_nan=False, allow_infinity=False))
def test_amounts_survive_as_text_and_number(amount: Decimal) -> None:
    assert reading.money(str(amount), "x") == amount
    assert reading.money(amount, "x") == amount
    assert reading.money(f"{amount:,}", "x") == amount


@pytest.mark.parametrize(
    ("said", "understood"), [("created", "create"), ("Updated", "update"), ("DELETED", "delete"), ("update", "update")]
)
def test_the_words_of_newer_resources_mean_the_same(said: str, understood: str) -> None:
    body = {"id": "1", "resource_type": "Draw Requests", "reason": said, "company_id": 1, "resource_id": 2}
    assert reading.event(json.dumps(body).encode()).reason == understood


@pytest.mark.parametrize(
    ("more", "parent"),
    [
        ({"related_resources": [{"id": 7, "name": "Direct Costs"}]}, 7),
        ({"data": {"related_resources": [{"id": "7", "name": "Direct Costs"}]}}, 7),
        ({"related_resources": [{"id": 7, "name": "Vendors"}]}, None),
        ({"related_resources": [{"id": "x", "name": "Direct Costs"}]}, None),
        ({"related_resources": "odd", "data": []}, None),
        ({}, None),
    ],
)
def test_a_line_of_a_direct_cost_names_its_parent(more: dict[str, Any], parent: int | None) -> None:
    body = {"id": "1", "resource_name": "Direct Cost Line Items", "event_type": "update", "company_id": 1}
    assert reading.event(json.dumps(body | {"resource_id": 3} | more).encode()).parent_id == parent


@pytest.mark.parametrize(
    ("more", "user"),
    [
        ({"metadata": {"source_user_id": 9}, "user_id": 8}, 9),
        ({"user_id": "8"}, 8),
        ({"user_id": {}}, None),
        ({}, None),
    ],
)
def test_who_made_the_change(more: dict[str, Any], user: int | None) -> None:
    body = {"id": "1", "resource_name": "Draw Requests", "event_type": "create", "company_id": 1, "resource_id": 3}
    assert reading.event(json.dumps(body | more).encode()).user_id == user
