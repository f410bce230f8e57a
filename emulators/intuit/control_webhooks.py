"""Control addresses of the webhooks: where they go, what was sent, and events made up by a test."""

from __future__ import annotations

import json

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from emulators.intuit.control_answers import answer, sent_object
from emulators.intuit.store import Body, Store
from emulators.intuit.webhooks import WebhookSender, change_of

_SETTINGS = {"url": "webhook_url", "verifier_token": "webhook_verifier_token", "format": "webhook_format"}


def add_webhooks(routes: Blueprint, store: Store, sender: WebhookSender) -> None:
    def shown() -> Body:
        present = {name: store.switches.text(switch) for name, switch in _SETTINGS.items()}
        return {**present, "waiting": sender.waiting}

    @routes.get("/webhooks")
    def read() -> ResponseReturnValue:
        return answer(shown())

    @routes.post("/webhooks")
    def point() -> ResponseReturnValue:
        """{"url", "verifier_token", "format"}; what is not sent stays."""
        sent = sent_object()
        unknown = [name for name in sent if name not in _SETTINGS]
        if unknown:
            raise ValueError(f"There is no setting {unknown[0]!r}.")
        store.switches.change({_SETTINGS[name]: value for name, value in sent.items()})
        return answer(shown())

    @routes.delete("/webhooks")
    def stop() -> ResponseReturnValue:
        store.switches.change({"webhook_url": ""})
        return answer(shown())

    @routes.get("/webhooks/deliveries")
    def deliveries() -> ResponseReturnValue:
        after = request.args.get("after", 0, int)
        rows = store.ledger.events(after=after, kind="webhook.sent", limit=request.args.get("limit", 1000, int))
        return answer({"deliveries": [{"id": row["id"], "at": row["at"], **row["data"]} for row in rows]})

    @routes.post("/webhooks/send")
    def send() -> ResponseReturnValue:
        """{"events": [{"realm", "name", "id", "verb", "at"}]} or {"body": text or JSON}; "signature", "format"."""
        sent = sent_object()
        signing = str(sent.get("signature", "right"))
        if "body" in sent:
            text = sent["body"] if isinstance(sent["body"], str) else json.dumps(sent["body"], default=str)
            return answer({"status": sender.send_raw(text.encode(), signing)})
        style = str(sent.get("format", store.switches.text("webhook_format")))
        changes = [change_of(event, store.now()) for event in sent.get("events", [sent])]
        return answer({"status": sender.send(changes, signing, style)})

    @routes.post("/webhooks/resend")
    def resend() -> ResponseReturnValue:
        """Send the last deliveries ({"last": 1}) once more, as a duplicate."""
        last = int(sent_object().get("last", 1))
        rows = store.ledger.query(
            "SELECT data FROM event WHERE kind = 'webhook.sent' ORDER BY id DESC LIMIT ?", (last,)
        )
        told = [json.loads(row["data"]) for row in reversed(rows)]
        sendable = [entry for entry in told if entry["events"]]
        return answer({"statuses": [sender.send(e["events"], "right", e["format"]) for e in sendable]})
