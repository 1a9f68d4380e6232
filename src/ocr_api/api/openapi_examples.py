"""Examples of answers in the OpenAPI document."""

from __future__ import annotations

JOB_ID = "Zt3Jw9mYQ0a7VnXc1LrP5g"

ACCEPTED_EXAMPLE = {
    "job_id": JOB_ID,
    "status": "pending",
    "message": f"Accepted. GET /ocr/{JOB_ID}?wait=30 answers when the text is there.",
    "links": {
        "self": f"/ocr/{JOB_ID}",
        "wait": f"/ocr/{JOB_ID}?wait=30",
        "page": f"/ocr/{JOB_ID}/pages/{{n}}",
        "result": f"/ocr/{JOB_ID}/result{{?format}}",
        "events": f"/ocr/{JOB_ID}/events",
    },
}

JOB_EXAMPLE = {
    "id": JOB_ID,
    "job_id": JOB_ID,
    "status": "processing",
    "model": "auto",
    "requested_model": "qari",
    "created_at": "2026-01-02T03:04:05.678Z",
    "updated_at": "2026-01-02T03:04:05.700Z",
    "started_at": "2026-01-02T03:04:05.700Z",
    "finished_at": None,
    "expires_at": None,
    "filename": "page.png",
    "progress": {"pages_total": 1, "pages_done": 0, "pages_failed": 0},
    "attempts": 1,
    "partial": False,
    "failed_pages": [],
    "result": None,
    "error": None,
    "error_detail": None,
    "warnings": ["QARI v0.3 needs an NVIDIA GPU, and none was found. 'auto' serves in place."],
    "metadata": {"order": 7},
    "links": ACCEPTED_EXAMPLE["links"],
}

SWITCH_EXAMPLE = {
    "previous_model": "qari",
    "current_model": "got",
    "status": "loading",
    "message": "Jobs that name no model now get 'got'.",
}

LOAD_EXAMPLE = {"model": "got", "status": "loaded", "message": "'got' is loaded."}

UNLOAD_EXAMPLE = {"model": "got", "status": "ready", "message": "'got' is unloaded."}
