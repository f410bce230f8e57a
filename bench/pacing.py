# ruff: noqa: INP001
"""How near two worker processes come to QuickBooks' 500 calls a minute, and what one question costs.

    .venv/bin/python bench/pacing.py [seconds]

A bill takes 400 ms; the service enforces 500 a minute and 10 a second in sliding windows.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from launcher.environment import Secrets, product_variables
from launcher.servers import ValkeyServer
from tests.support import paced


def main(seconds: float) -> None:
    with ExitStack() as stack:
        valkey = stack.enter_context(ValkeyServer())
        variables = product_variables(
            "test",
            keys=Secrets.new(),
            database_url="postgres://nobody@127.0.0.1:9/nothing",
            redis_url=valkey.url,
            media=Path(os.devnull),
            public_url="http://testserver",
            email_url="memorymail://",
        )
        os.environ.update(variables | {"DJANGO_SETTINGS_MODULE": "inbuild.settings"})
        service = paced.Service({60: 500, 1: 10}, headers=False, latency=0.4)
        url = stack.enter_context(paced.listening(service))
        job = {"kind": "PacedWindow", "key": "bench", "url": url, "threads": 8, "seconds": seconds}
        workers = [stack.enter_context(paced.worker(valkey.url, who=who, **job)) for who in ("a", "b")]
        paced.begin(*workers)
        paced.ended(*workers)
        first = service.arrivals[0].at
        rate = service.served(since=first, until=first + seconds) * 60 / seconds
        share = [service.served(who) for who in ("a", "b")]
        print(f"{rate:.1f} a minute over {seconds:.0f} s, {service.refused()} refused, shares {share}")
        print(f"{service.most_in_flight} in flight at most")
        ask(1000)


def ask(times: int) -> None:
    from inbuild.pacing import HeaderPacer, PacedWindow

    for pacer in (HeaderPacer("ask", urgent=True), PacedWindow("ask")):
        pacer.wait()
        started = time.perf_counter()
        for _ in range(times):
            pacer.wait()
        print(f"{type(pacer).__name__}.wait(): {(time.perf_counter() - started) / times * 1e6:.0f} us")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
