"""OCR API: a self-hosted, asynchronous OCR service.

The map; each part imports only parts below it.

    cli            the command `ocr-api`: serve, api, worker, notify, read, jobs, doctor, models
    api            HTTP: check → keep the upload → create the job → 202
    worker         open a document; claim a page → render → route → read → keep → finish
    webhooks       take an event → sign → POST → acknowledge or back off
    child          what runs inside children: decoding, inspecting, reading
    renderers      page text → text, Markdown, JSON, hOCR, ALTO: pure strings, one file a format
    store          jobs and queue in Valkey or Redis, uploads and results in an object store
    outbound       HTTP to the outside, guarded: public addresses only
    web            the page at /: static files that speak the public API only
    engines        page images → page text, one file an engine; vision_language: a package
    weights        a model's files: found, verified, locked, fetched
    documents      upload → page images: the only code that decodes untrusted files
    catalog        which models exist, and which one `auto` chooses for a page
    wire           the JSON that callers see
    messages       what a worker and its children say to each other
    jobs           what a job is: states, pages, options
    pages          page image, words, lines, blocks, boxes
    settings       every environment variable
    addresses      where servers are
    observability  logging
    stopping       asked to stop by a signal, and given time to end
    errors         the error tree
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        """Gives `__version__` when it is asked for: what tells it takes long to load."""
        if name != "__version__":
            raise AttributeError(name)
        return import_module("importlib.metadata").version("ocr-api")
