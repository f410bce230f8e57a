"""Sends webhook events to their destinations: one queue per hook, with pauses, retries and bad weather.

Procore: any 2xx is success, 5 s timeout; a failure pauses the whole queue and is retried after 1 s, doubling up to
1 h; one success resets that; after 12 h of nothing but failures the queue is discarded (reference 1.3).
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from emulators.procore.event_bodies import Happening, body_of, new_ulid
from emulators.procore.hooks import Hooks
from emulators.procore.weather import Weather
from emulators.shared.clock import Clock
from emulators.shared.ledger import Ledger, wall_time
from emulators.shared.switches import Switches

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 3600.0
_GIVE_UP_AFTER = 12 * 3600.0
_LARGEST_DELAY = 0.2


@dataclass
class _Waiting:
    delivery_id: int
    not_before: float


@dataclass
class Answer:
    """What the destination said."""

    status: int | None
    body: str = ""
    headers: str = "{}"
    error: str = ""

    @property
    def good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class HookQueue:
    """The waiting deliveries of one hook and the threads that send them."""

    def __init__(self, hook_id: int, post_office: Deliveries) -> None:
        self.hook_id = hook_id
        self._office = post_office
        self._switches = post_office.switches
        self._condition = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._in_hand = 0
        self._threads = 0
        self._pause = _FIRST_PAUSE
        self._paused_until = 0.0
        self._failing_since: float | None = None

    @property
    def size(self) -> int:
        with self._condition:
            return len(self._waiting) + self._in_hand

    def add(self, entries: Iterable[_Waiting]) -> None:
        with self._condition:
            for entry in entries:
                place = len(self._waiting)
                if self._switches["shuffle"]:
                    place = self._office.random.randint(0, place)
                self._waiting.insert(place, entry)
            wanted = self._wanted_threads()
            while self._threads < wanted:
                threading.Thread(
                    target=self._work, args=(self._threads,), name=f"hook-{self.hook_id}", daemon=True
                ).start()
                self._threads += 1
            self._condition.notify_all()

    def clear(self) -> list[int]:
        """Forget what waits; answers which deliveries that were."""
        with self._condition:
            gone = [w.delivery_id for w in self._waiting]
            self._waiting.clear()
            self._pause, self._paused_until, self._failing_since = _FIRST_PAUSE, 0.0, None
            return gone

    def wake(self) -> None:
        """Try at once, without waiting for the end of a pause."""
        with self._condition:
            self._paused_until = 0.0
            self._condition.notify_all()

    def _wanted_threads(self) -> int:
        names = ("shuffle_percent", "duplicate_percent")
        parallel = (
            self._switches["shuffle"] or self._switches["duplicate"] > 1 or any(self._switches[n] > 0 for n in names)
        )
        return max(1, int(self._switches["delivery_workers"])) if parallel else 1

    def _work(self, number: int) -> None:
        while True:
            entry = self._take(number)
            try:
                good = self._office.deliver(entry.delivery_id)
            except Exception as error:  # a broken row must not end the thread that serves the hook
                self._office.ledger.append("delivery_broken", entry.delivery_id, {"error": repr(error)})
                good = True
            self._settle(entry, good)

    def _take(self, number: int) -> _Waiting:
        """Wait until something may be sent, and take it."""
        with self._condition:
            while True:
                now = time.monotonic()
                allowed = number < self._wanted_threads() and not self._switches["webhooks_stopped"]
                ready = [w for w in self._waiting if w.not_before <= now]
                if allowed and ready and now >= self._paused_until:
                    self._waiting.remove(ready[0])
                    self._in_hand += 1
                    return ready[0]
                moments = [w.not_before for w in self._waiting if w.not_before > now] + [self._paused_until]
                soonest = min((moment - now for moment in moments if moment > now), default=0.5)
                self._condition.wait(min(soonest, 0.5))

    def _settle(self, entry: _Waiting, good: bool) -> None:
        with self._condition:
            self._in_hand -= 1
            now = time.monotonic()
            gone: list[int] = []
            if good:
                self._pause, self._paused_until, self._failing_since = _FIRST_PAUSE, 0.0, None
            else:
                self._waiting.insert(0, entry)
                gone = self._slow_down(now)
            self._condition.notify_all()
        if gone:
            # Outside the lock: whoever announces holds the ledger and waits for the queue.
            self._office.discard(self.hook_id, gone)

    def _slow_down(self, now: float) -> list[int]:
        """Pause; after 12 h of failures answer what is to be discarded."""
        scale = max(float(self._switches["time_scale"]), 0.001)
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since >= _GIVE_UP_AFTER / scale:
            return self.clear()
        if now >= self._paused_until:
            # Several parallel failures of one round count as one.
            self._paused_until = now + self._pause / scale
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return []


class Deliveries:
    """The post office: turns happenings into deliveries, keeps them in the ledger, and sends them."""

    def __init__(self, ledger: Ledger, hooks: Hooks, switches: Switches, clock: Clock) -> None:
        self.ledger = ledger
        self.switches = switches
        self.weather = Weather(switches)
        self.random = random.Random(20260101)
        self._hooks = hooks
        self._clock = clock
        self._queues: dict[int, HookQueue] = {}
        self._lock = threading.Lock()

    def resume(self) -> None:
        """After a restart: everything that was enqueued is sent."""
        rows = self.ledger.query(
            "SELECT id, hook_id FROM delivery WHERE status IN ('enqueued', 'retrying') ORDER BY id"
        )
        for row in rows:
            self._queue(row["hook_id"]).add([_Waiting(row["id"], 0.0)])

    def announce(self, happening: Happening) -> None:
        """Enqueue the event for every hook that listens; call inside the transaction of the change."""
        ulid, at = new_ulid(self._clock.epoch()), self._clock.fine_stamp()
        number = self.ledger.append(
            f"webhook_{happening.event_type}",
            happening.resource_id,
            {"ulid": ulid, "resource_name": happening.resource_name, "project_id": happening.project_id},
        )
        for hook in self._hooks.listening(happening):
            body = body_of(happening, hook["payload_version"], ulid=ulid, number=number, at=at, switches=self.switches)
            self._enqueue(hook["id"], ulid, happening, json.dumps(body))

    def send_raw(self, hook_id: int, body: str) -> int:
        """Send any text to a hook, as a delivery of its own."""
        happening = Happening("raw", "raw", 0, 0, None, 0)
        return self._enqueue(hook_id, new_ulid(self._clock.epoch()), happening, body, plain=True)[0]

    def send_again(self, delivery_id: int) -> None:
        """Deliver a known delivery once more (a duplicate ordered by hand)."""
        row = self.ledger.one("SELECT * FROM delivery WHERE id = ?", (delivery_id,))
        if row is None:
            raise KeyError(f"there is no delivery {delivery_id}")
        copy = self.ledger.value("SELECT MAX(copy) FROM delivery WHERE event_id = ?", (row["event_id"],)) + 1
        happening = Happening(row["resource_name"], row["event_type"], int(row["resource_id"] or 0), 0, None, 0)
        self._insert(row["hook_id"], row["event_id"], happening, row["body"], copy)

    def deliver(self, delivery_id: int) -> bool:
        """One attempt; True if this delivery is over (succeeded, or nothing left to send)."""
        row = self.ledger.one(
            "SELECT delivery.*, hook.destination_url AS url, hook.authorization AS secret FROM delivery"
            " JOIN hook ON hook.id = delivery.hook_id WHERE delivery.id = ?",
            (delivery_id,),
        )
        if row is None or row["status"] not in ("enqueued", "retrying"):
            return True
        started = wall_time()
        answer = post(row["url"], row["secret"], row["body"], float(self.switches["delivery_timeout_seconds"]))
        self._record(delivery_id, answer, started)
        return answer.good

    def flush(self, hook_id: int) -> list[int]:
        """Discard at once what would be discarded after 12 h of failures."""
        gone = self._queue(hook_id).clear()
        self.discard(hook_id, gone)
        return gone

    def discard(self, hook_id: int, delivery_ids: list[int]) -> None:
        """The queue was flushed after 12 h of failures."""
        with self.ledger.writing() as db:
            for delivery_id in delivery_ids:
                db.execute(
                    "UPDATE delivery SET status = 'discarded', finished_at = ? WHERE id = ?",
                    (wall_time(), delivery_id),
                )
            if self.switches["delete_hook_after_discard"]:
                self._hooks.delete(hook_id)
            elif self.switches["disable_hook_after_discard"]:
                db.execute("UPDATE hook SET status = 'disabled' WHERE id = ?", (hook_id,))
            self.ledger.append("queue_discarded", hook_id, {"deliveries": delivery_ids})

    def pending(self) -> int:
        with self._lock:
            queues = list(self._queues.values())
        return sum(queue.size for queue in queues)

    def wake(self) -> None:
        with self._lock:
            queues = list(self._queues.values())
        for queue in queues:
            queue.wake()

    def quiet(self, timeout: float) -> bool:
        """Wait until nothing is left to send; False if that did not happen in time."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.pending() == 0:
                return True
            time.sleep(0.02)
        return self.pending() == 0

    def _enqueue(self, hook_id: int, ulid: str, happening: Happening, body: str, *, plain: bool = False) -> list[int]:
        if not plain and self.weather.strikes("drop", float(self.switches["drop"])):
            with self.ledger.writing():
                dropped = self._store(hook_id, ulid, happening, body, 1, "dropped")
                self.ledger.append("webhook_dropped", happening.resource_id, {"ulid": ulid, "hook_id": hook_id})
            return [dropped]
        copies = 1 if plain else max(1, int(self.switches["duplicate"]))
        if not plain and self.weather.strikes("duplicate", float(self.switches["duplicate_percent"])):
            copies = max(copies, 2)
        return [self._insert(hook_id, ulid, happening, body, copy) for copy in range(1, copies + 1)]

    def _insert(self, hook_id: int, ulid: str, happening: Happening, body: str, copy: int) -> int:
        delivery_id = self._store(hook_id, ulid, happening, body, copy, "enqueued")
        delay = self.random.random() * _LARGEST_DELAY if self.switches["shuffle"] else 0.0
        if self.weather.strikes("shuffle", float(self.switches["shuffle_percent"])):
            delay = self.weather.throw("delay") * float(self.switches["shuffle_seconds"])
            self.ledger.append("webhook_delayed", happening.resource_id, {"delivery_id": delivery_id, "seconds": delay})
        self._queue(hook_id).add([_Waiting(delivery_id, time.monotonic() + delay)])
        return delivery_id

    def _store(self, hook_id: int, ulid: str, happening: Happening, body: str, copy: int, status: str) -> int:
        with self.ledger.writing() as db:
            cursor = db.execute(
                "INSERT INTO delivery (hook_id, event_id, copy, status, resource_name, event_type, resource_id, body,"
                " enqueued_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    hook_id,
                    ulid,
                    copy,
                    status,
                    happening.resource_name,
                    happening.event_type,
                    str(happening.resource_id),
                    body,
                    wall_time(),
                ),
            )
            return int(cursor.lastrowid or 0)

    def _record(self, delivery_id: int, answer: Answer, started: str) -> None:
        finished = wall_time()
        with self.ledger.writing() as db:
            db.execute(
                "UPDATE delivery SET status = ?, attempts = attempts + 1, response_status = ?, finished_at = ?"
                " WHERE id = ? AND status IN ('enqueued', 'retrying')",
                ("delivered" if answer.good else "retrying", answer.status, finished, delivery_id),
            )
            db.execute(
                "INSERT INTO attempt (delivery_id, outcome, started_at, completed_at, response_status, response_body,"
                " response_error, response_headers) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    delivery_id,
                    "ok" if answer.good else "failed",
                    started,
                    finished,
                    answer.status,
                    answer.body,
                    answer.error,
                    answer.headers,
                ),
            )

    def _queue(self, hook_id: int) -> HookQueue:
        with self._lock:
            if hook_id not in self._queues:
                self._queues[hook_id] = HookQueue(hook_id, self)
            return self._queues[hook_id]


def post(url: str, authorization: str, body: str, timeout: float) -> Answer:
    """POST the body; every trouble of the network becomes an answer without a status."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    maker = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = maker(parts.hostname or "", parts.port or (443 if secure else 80), timeout=timeout)
    headers = {"Content-Type": "application/json", "User-Agent": "Procore emulator webhooks", "Connection": "close"}
    if authorization:
        headers["Authorization"] = authorization
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body.encode(), headers)
        response = connection.getresponse()
        text = response.read(4000).decode("utf-8", "replace")
        return Answer(response.status, text, json.dumps(dict(response.getheaders())))
    except (OSError, http.client.HTTPException) as error:
        return Answer(None, error=f"{type(error).__name__}: {error}")
    finally:
        connection.close()
