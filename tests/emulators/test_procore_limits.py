"""Pages that move while they are read, and the rate limits: per hour, per ten seconds, per company, by fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.emulators.test_procore_webhooks import project_of
from tests.emulators.test_procore_world import (
    COMPANY,
    OTHER_COMPANY,
    OTHER_CREDENTIALS,
    Procore,
    procore,  # noqa: F401 - a fixture
    procore_address,  # noqa: F401 - a fixture
)
from tests.support.emulator_process import running_emulator

# The fixtures are imported, so their names appear again as parameters.
# ruff: noqa: F811
ME = "/rest/v1.0/me"
LISTS = {"requisitions": "/rest/v1.1/requisitions", "direct_costs": "/rest/v1.1/projects/{}/direct_costs"}


def read(procore: Procore, name: str, project: int) -> tuple[list[int], list[int]]:
    """All ids page by page as a client reads them, and the Total of each answer."""
    ids: list[int] = []
    totals: list[int] = []
    page = 1
    while True:
        query = {"project_id": project, "per_page": 4, "page": page}
        answer = procore.call("GET", LISTS[name].format(project), params=query)
        totals.append(int(answer.headers["Total"]))
        ids += [row["id"] for row in answer.json()]
        if 'rel="next"' not in answer.headers.get("Link", ""):
            return ids, totals
        page += 1


@pytest.fixture(params=["requisitions", "direct_costs"])
def name(request: pytest.FixtureRequest, procore: Procore) -> str:
    kind = "invoices" if request.param == "requisitions" else "direct_costs"
    body = {"count": 12, "project_id": project_of(procore), "quiet": True}
    procore.control("POST", f"/{kind}/bulk", body)
    return str(request.param)


def test_a_row_deleted_behind_the_reader_hides_another(procore: Procore, name: str) -> None:
    project = project_of(procore)
    before, totals = read(procore, name, project)
    assert set(totals) == {len(before)}
    procore.control("POST", "/switches", {"rows_move": {"list": name, "after_page": 1, "how": "delete"}})
    seen, totals = read(procore, name, project)
    assert totals[0] == len(before)
    assert set(totals[1:]) == {len(before) - 1}
    assert seen == before[:4] + before[5:]
    again, _ = read(procore, name, project)
    assert again == before[1:]


def test_a_new_row_in_front_shows_another_twice(procore: Procore, name: str) -> None:
    project = project_of(procore)
    procore.control("POST", "/switches", {"list_order": "-id"})
    before, _ = read(procore, name, project)
    assert before == sorted(before, reverse=True)
    procore.control("POST", "/switches", {"rows_move": {"list": name, "after_page": 2, "how": "insert", "quiet": True}})
    seen, totals = read(procore, name, project)
    assert [one for one in seen if seen.count(one) > 1] == [before[7], before[7]]
    assert totals[-1] == len(before) + 1
    assert len(procore.control("GET", "/events?kind=rows_moved")) == 1


def test_a_touched_row_leaves_its_page(procore: Procore, name: str) -> None:
    project = project_of(procore)
    procore.control("POST", "/switches", {"list_order": "updated_at"})
    procore.control("POST", "/clock", {"offset_seconds": 100})
    before, _ = read(procore, name, project)
    procore.control(
        "POST", "/switches", {"rows_move": {"list": name, "after_page": 1, "how": "touch", "row": "served"}}
    )
    seen, totals = read(procore, name, project)
    assert set(totals) == {len(before)}
    assert before[4] not in seen
    assert seen[-1] == before[0]


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Procore]:
    with running_emulator("procore", tmp_path / "limits.sqlite", "--seed", "empty") as url:
        caller = Procore(url)
        # Ten seconds begin at :00, :10, ...; away from the edge nothing depends on the moment.
        caller.control("POST", "/clock", {"offset_seconds": 0})
        yield caller


def statuses(caller: Procore, times: int) -> list[int]:
    return [caller.call("GET", ME).status_code for _ in range(times)]


def move_to(caller: Procore, second: float) -> None:
    """Put the emulated clock right behind the beginning of an hour plus `second`."""
    caller.control("POST", "/clock", {"offset_seconds": 0})
    now = caller.control("GET", "/clock")["now"]
    minutes, seconds = int(now[14:16]), int(now[17:19])
    caller.control("POST", "/clock", {"offset_seconds": 3600 - minutes * 60 - seconds + second})
    caller.session.headers["Authorization"] = Procore(caller.url).session.headers["Authorization"]


def test_both_windows_count(limited: Procore) -> None:
    limited.control("POST", "/switches", {"rate_limit": {"hourly": 8, "spike": 3}})
    move_to(limited, 1)
    limited.control("DELETE", "/rate_limits")
    assert statuses(limited, 4) == [200, 200, 200, 429]
    move_to(limited, 12)
    answers = [limited.call("GET", ME) for _ in range(4)]
    # The call that was refused counted too; now the hour is nearer than the ten seconds.
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert [a.headers["X-Rate-Limit-Limit"] for a in answers[:3]] == ["3", "3", "3"]
    assert answers[2].headers["X-Rate-Limit-Remaining"] == "0"
    move_to(limited, 24)
    refused = limited.call("GET", ME)
    assert (refused.status_code, refused.headers["X-Rate-Limit-Limit"]) == (429, "8")
    assert int(refused.headers["Retry-After"]) > 3000
    assert limited.control("GET", "/rate_limits")["companies"][str(COMPANY)]["refused"] == 3
    move_to(limited, 3601)
    assert statuses(limited, 1) == [200]


def test_a_company_may_have_a_small_limit_of_its_own(limited: Procore) -> None:
    other = Procore(limited.url, OTHER_CREDENTIALS, OTHER_COMPANY)
    small = {str(COMPANY): {"hourly": 2, "spike": 100}}
    limited.control("POST", "/switches", {"rate_limit_companies": small, "retry_after_on_429": False})
    limited.control("DELETE", "/rate_limits")
    assert statuses(limited, 3) == [200, 200, 429]
    assert statuses(other, 5) == [200] * 5
    refused = limited.call("GET", ME)
    assert "Retry-After" not in refused.headers
    assert int(refused.headers["X-Rate-Limit-Reset"]) > 1_700_000_000
    report = limited.control("GET", "/rate_limits")["companies"]
    assert report == {str(COMPANY): {"calls": 4, "refused": 2}, str(OTHER_COMPANY): {"calls": 5, "refused": 0}}


@pytest.mark.parametrize("fault", ["429", "503", "503_html", "500", "403", "404", "401", "garbage"])
def test_every_answer_has_the_headers_also_that_of_a_fault(procore: Procore, fault: str) -> None:
    procore.control("POST", "/faults", {"match": {"path": "^/rest/v1.0/me"}, "fault": fault, "times": 1, "seconds": 7})
    answer = procore.call("GET", ME)
    names = {f"X-Rate-Limit-{name}" for name in ("Limit", "Remaining", "Reset")}
    assert names <= set(answer.headers)
    assert procore.call("GET", ME).status_code == 200
    if fault in ("429", "503"):
        assert answer.headers["Retry-After"] == "7"
    refused = procore.control("GET", "/rate_limits")["companies"][str(COMPANY)]["refused"]
    assert refused == (1 if fault == "429" else 0)
    if fault == "429":
        assert answer.headers["X-Rate-Limit-Remaining"] == "0"
    for path in ("/rest/v1.0/projects", "/rest/v1.0/nothing", "/rest/v1.0/vendors/1?company_id=1"):
        assert names <= set(procore.call("GET", path).headers), path
    stranger: Any = requests.get(procore.url + ME, timeout=10)
    assert (stranger.status_code, names <= set(stranger.headers)) == (401, True)
