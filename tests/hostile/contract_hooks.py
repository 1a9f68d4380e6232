"""What Schemathesis is told beside the OpenAPI document; loaded by schemathesis.toml."""

from __future__ import annotations

from typing import Any

import httpx
import schemathesis

_ENDED_BY = "DELETE"


@schemathesis.check
def problem_is_a_problem(_ctx: object, response: schemathesis.Response, _case: object) -> None:
    """Every refusal but those of /readyz and /health is problem details with a code of ours."""
    if response.status_code < 400 or response.request.path_url in {"/readyz", "/health"}:
        return
    kind = response.headers.get("content-type", [""])[0]
    assert kind == "application/problem+json", f"{response.status_code} as {kind!r}"
    told = response.json()
    assert told["status"] == response.status_code
    assert told["code"] in told["type"]
    assert told["detail"].strip()


@schemathesis.check
def removed_job_is_gone(
    _ctx: object, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """After DELETE has answered 204, the job's address answers 404."""
    if case.method != _ENDED_BY or response.status_code != 204:
        return
    answer = httpx.get(str(response.request.url), trust_env=False, timeout=30)
    assert answer.status_code == 404, f"{answer.status_code} after the job was removed"
