"""How the control interface reads and answers: JSON objects with exact money."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from emulators.intuit import json_text
from emulators.intuit.answers import QboFault
from emulators.intuit.api import json_response
from emulators.intuit.store import Body


def answer(body: Any, status: int = 200) -> Response:
    return json_response(json_text.render(body), status)


def refused(fault: QboFault) -> Response:
    return answer({"error": str(fault), "Fault": fault.fault()}, 404 if fault.errors[0].code == "610" else 400)


def sent_object() -> Body:
    data = request.get_data()
    sent = json_text.parse(data) if data else {}
    if not isinstance(sent, dict):
        raise ValueError("A JSON object is expected.")
    return sent
