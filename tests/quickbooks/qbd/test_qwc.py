"""The file for the Web Connector: stable, without secrets, and nothing in it that the Web Connector refuses."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from qbd import qwc
from tests.quickbooks.qbd.given import REFERENCE, with_examples

FACTS: dict[str, Any] = {
    "name": "Demo Builders Inc",
    "address": "https://app.inbuild.example/qbwc/k1/",
    "support": "https://app.inbuild.example/qbwc/k1/support/",
    "user_name": "inbuild-7c2f",
    "file_id": uuid.UUID("a1e5d4b2-77c1-4e2f-8f0b-5b9c6d7e8f90"),
}
GUID = r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}"


def fields(**more: Any) -> dict[str, str]:
    root = etree.fromstring(qwc.qwc(**FACTS | more))
    return {one.tag: (one.text or "").strip() if not len(one) else f"{one[0].tag}={one[0].text}" for one in root}


def test_everything_that_the_web_connector_needs() -> None:
    assert fields() == {
        "AppName": "inBuild - Demo Builders Inc",
        "AppID": "",
        "AppURL": "https://app.inbuild.example/qbwc/k1/",
        "AppDescription": "Sends approved invoices to QuickBooks as bills",
        "AppSupport": "https://app.inbuild.example/qbwc/k1/support/",
        "UserName": "inbuild-7c2f",
        "OwnerID": "{3C2A7C6E-3B0B-4B8E-9A53-2C3A1D0E7F10}",
        "FileID": "{A1E5D4B2-77C1-4E2F-8F0B-5B9C6D7E8F90}",
        "QBType": "QBFS",
        "Style": "Document",
        "Scheduler": "RunEveryNMinutes=10",
        "IsReadOnly": "false",
        "PersonalDataPref": "pdpNotNeeded",
        "UnattendedModePref": "umpOptional",
    }
    assert re.fullmatch(GUID, qwc.OWNER_ID)
    assert len(qwc.DESCRIPTION) <= 80


def test_the_same_connection_gives_the_same_file_and_another_file_has_another_id_and_name() -> None:
    assert qwc.qwc(**FACTS) == qwc.qwc(**FACTS)
    other = fields(file_id=uuid.uuid4(), name="Ridgeline")
    assert other["OwnerID"] == fields()["OwnerID"]
    assert other["FileID"] != fields()["FileID"]
    assert other["AppName"] != fields()["AppName"]


@with_examples
def test_it_has_the_fields_of_the_reference() -> None:
    sample = etree.parse(str(REFERENCE / "qwc" / "inbuild-sample.qwc")).getroot()
    assert [one.tag for one in sample] == list(fields())


@given(name=st.text(max_size=200))
def test_any_name_gives_a_file_that_can_be_read(name: str) -> None:
    made = qwc.qwc(**FACTS | {"name": name})
    assert made.isascii()
    found = etree.fromstring(made).findtext("AppName")
    assert found.startswith("inBuild")
    assert len(found) <= 80
    assert re.fullmatch(r"[A-Za-z0-9 ._-]+\.qwc", qwc.file_name(name))


def test_names_are_escaped() -> None:
    made = qwc.qwc(**FACTS | {"name": 'Söhne & <Co> "Rebar"', "address": "https://app.inbuild.example/?a=1&b=2"})
    assert b"S&#246;hne &amp; &lt;Co&gt;" in made
    assert b"?a=1&amp;b=2" in made
    assert qwc.file_name('Söhne & <Co> "Rebar"/..') == "inBuild - S hne Co Rebar.qwc"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"address": "http://app.inbuild.example/qbwc/"}, "only https"),
        ({"address": "https://192.0.2.7/qbwc/"}, "by their name"),
        ({"address": "https://[2001:db8::1]/qbwc/"}, "by their name"),
        ({"address": "/qbwc/"}, "no address"),
        ({"address": "ftp://app.inbuild.example/"}, "no address"),
        ({"support": "https://help.inbuild.example/"}, "on the host"),
        ({"support": "https://app.inbuild.example:8443/"}, "on the host"),
        ({"support": "http://app.inbuild.example/"}, "only https"),
        ({"user_name": ""}, "user name"),
        ({"minutes": 0}, "one minute"),
    ],
)
def test_what_the_web_connector_would_refuse(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        qwc.qwc(**FACTS | more)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000"])
def test_on_its_own_pc_http_will_do(host: str) -> None:
    assert fields(address=f"http://{host}/a/", support=f"http://{host}/b/")["AppURL"] == f"http://{host}/a/"
