"""How the webhook of a job was delivered, and how to have it delivered again."""

from __future__ import annotations

from fastapi import APIRouter, Response

from ocr_api.api.answers import json_response
from ocr_api.api.openapi import DELIVERIES, REDELIVERY
from ocr_api.api.services import FromApp
from ocr_api.wire import delivery_list_view, delivery_view

router = APIRouter(tags=["webhooks"])


@router.get("/ocr/{job_id}/webhooks", **DELIVERIES)
async def list_deliveries(services: FromApp, job_id: str) -> Response:
    """Lists the deliveries of a job; one that is still tried may outlive its job."""
    deliveries = await services.store.deliveries_of(job_id)
    if not deliveries:
        await services.store.get(job_id)
    return json_response(delivery_list_view(deliveries))


@router.post("/ocr/{job_id}/webhooks/{delivery_id}/redeliver", status_code=202, **REDELIVERY)
async def redeliver(services: FromApp, job_id: str, delivery_id: str) -> Response:
    """Sends a delivery again, at once, with its full number of tries and the same `webhook-id`."""
    delivery = await services.store.redeliver(job_id, delivery_id)
    return json_response(delivery_view(delivery), status=202)
