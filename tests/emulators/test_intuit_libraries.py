"""The published client libraries work against the Intuit emulator."""

# The libraries carry no types.
# mypy: disallow-untyped-calls=False

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from quickbooks.client import QuickBooks
from quickbooks.exceptions import QuickbooksException
from quickbooks.objects.attachable import Attachable
from quickbooks.objects.base import AttachableRef, Ref
from quickbooks.objects.bill import Bill
from quickbooks.objects.vendor import Vendor

from tests.emulators.test_intuit_client import APP, NORTHGATE, REDIRECT, Qbo, bill, emulator, fresh

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class PlainSession(requests.Session):
    """What the library needs of a session, without oauthlib's refusal of http."""

    def __init__(self, access_token: str) -> None:
        super().__init__()
        self.access_token = access_token


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with emulator() as url:
        yield url


@pytest.fixture
def qbo(base: str) -> Qbo:
    return fresh(base)


@pytest.fixture
def client(qbo: Qbo) -> Any:
    made = QuickBooks(company_id=NORTHGATE, minorversion=75)
    made.api_url_v3 = f"{qbo.base}/v3"
    made.session = PlainSession(qbo.tokens["access_token"])
    return made


def test_auth_client(qbo: Qbo) -> None:
    discovery = f"{qbo.base}/.well-known/openid_configuration"
    auth = AuthClient(*APP, redirect_uri=REDIRECT, environment=discovery)
    address = auth.get_authorization_url([Scopes.ACCOUNTING, Scopes.OPENID, Scopes.EMAIL], state_token="s-1")
    assert requests.get(address, timeout=5).status_code == 200
    answer = qbo.consent(scope="com.intuit.quickbooks.accounting openid email")
    auth.get_bearer_token(answer["code"], realm_id=answer["realmId"])
    assert auth.id_token
    first = auth.refresh_token
    auth.refresh()
    assert auth.refresh_token != first
    assert auth.get_user_info().json()["email"] == "books@northgate.example"
    with pytest.raises(AuthClientError) as caught:
        auth.refresh(refresh_token=first)
    assert caught.value.status_code == 400
    assert "Incorrect or invalid refresh token" in str(caught.value.content)
    assert caught.value.intuit_tid
    assert auth.revoke() is True
    with pytest.raises(AuthClientError):
        auth.refresh()


def test_lists_and_bills(client: Any, qbo: Qbo) -> None:
    vendors = Vendor.filter(DisplayName="O'Brien Painting & Coatings", qb=client)
    assert [vendor.Id for vendor in vendors] == ["72"]
    assert Vendor.count(qb=client) == 59
    new = Vendor()
    new.DisplayName = "Made by the library"
    assert new.save(qb=client).SyncToken == "0"
    made = client.create_object("Bill", _text(bill(DocNumber="LIB-1")), request_id="lib-1")["Bill"]
    again = client.create_object("Bill", _text(bill(DocNumber="LIB-1")), request_id="lib-1")["Bill"]
    assert made == again
    read = Bill.get(int(made["Id"]), qb=client)
    assert (read.DocNumber, float(read.TotalAmt)) == ("LIB-1", 200.0)
    assert read.delete(qb=client)["Bill"]["status"] == "Deleted"
    with pytest.raises(QuickbooksException) as caught:
        Bill.get(int(made["Id"]), qb=client)
    assert caught.value.error_code == 610
    with pytest.raises(QuickbooksException) as caught:
        client.create_object("Bill", _text(bill(DocNumber="x" * 22)))
    assert caught.value.error_code == 6000


def test_upload(client: Any, qbo: Qbo, tmp_path: Path) -> None:
    made = qbo.create_bill()
    file = tmp_path / "drawing.png"
    file.write_bytes(bytes(range(256)) * 20)
    attachment = Attachable()
    link = AttachableRef()
    link.EntityRef = Ref()
    link.EntityRef.type, link.EntityRef.value = "Bill", made["Id"]
    attachment.AttachableRef.append(link)
    attachment.FileName, attachment._FilePath, attachment.ContentType = file.name, str(file), "image/png"
    saved = attachment.save(qb=client)
    assert (saved.FileName, int(saved.Size)) == ("drawing.png", 5120)


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body)
