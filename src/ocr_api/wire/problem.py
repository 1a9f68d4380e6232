"""Errors as callers see them: RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ConfigDict, Field

from ocr_api.errors import error_class
from ocr_api.jobs import Problem
from ocr_api.wire.base import WireModel

ERRORS_PAGE = "/docs/errors"
"""Where every code is explained; `#<code>` leads to its line."""

_RESERVED = frozenset({"type", "title", "status", "detail", "code", "retryable", "page"})


class ProblemView(WireModel):
    """A problem (RFC 9457); further members are facts that help to mend the request."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(description="Link to the explanation of `code`.")
    title: str = Field(description="What `code` means, the same for every occurrence.")
    status: int | None = Field(
        default=None, description="The HTTP status; left out inside a job, whose answer is a 200."
    )
    detail: str = Field(description="What happened and what to do, for people.")
    code: str = Field(description="Stable identifier; test this one.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    page: int | None = Field(
        default=None, description="The page (from 1) that the problem is about."
    )


def problem_type(code: str) -> str:
    """Gives the link to the explanation of a code."""
    return f"{ERRORS_PAGE}#{code}"


def problem_title(code: str) -> str:
    """Gives the one-line meaning of an error class's code."""
    return (error_class(code).__doc__ or code).splitlines()[0].rstrip(".")


def problem_view(problem: Problem, *, status: int | None = None) -> ProblemView:
    """Gives the problem details of a stored problem."""
    return ProblemView(
        type=problem_type(problem.code),
        title=problem_title(problem.code),
        status=status,
        detail=problem.detail,
        code=problem.code,
        retryable=problem.retryable,
        page=problem.page,
        **_further(problem.facts),
    )


def _further(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in facts.items() if name not in _RESERVED}
