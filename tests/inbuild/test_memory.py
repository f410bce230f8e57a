"""Processes that serve for days do not look through what they loaded once again and again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from inbuild import memory
from launcher.places import ROOT

SERVERS = {
    "web": "import inbuild.wsgi",
    "worker": "from inbuild.celery import app; from celery.signals import worker_ready; worker_ready.send(None)",
}
TOLD = "import gc, json; print(json.dumps([gc.get_threshold(), gc.get_freeze_count()]))"


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_loaded_is_kept(server: str) -> None:
    begun = [sys.executable, "-c", f"{SERVERS[server]}; {TOLD}"]
    done = subprocess.run(begun, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    thresholds, frozen = json.loads(done.stdout.splitlines()[-1])
    assert thresholds == [memory.OFTEN, memory.SELDOM, memory.RARELY]
    assert frozen > 10_000
