"""Which models exist, what each needs, and which one `auto` chooses for a page."""

from ocr_api.catalog.availability import Availability, Host, availability
from ocr_api.catalog.catalog import AUTO, Catalog, load_catalog
from ocr_api.catalog.host import this_host
from ocr_api.catalog.resolution import Resolution, resolve_model
from ocr_api.catalog.routing import ModelsNow, RouteChoice, RouteRule, route
from ocr_api.catalog.spec import ModelSpec, Quantization, WeightsSource

__all__ = [
    "AUTO",
    "Availability",
    "Catalog",
    "Host",
    "ModelSpec",
    "ModelsNow",
    "Quantization",
    "Resolution",
    "RouteChoice",
    "RouteRule",
    "WeightsSource",
    "availability",
    "load_catalog",
    "resolve_model",
    "route",
    "this_host",
]
