"""The HTTP process: takes files in, tells how jobs stand; decodes nothing.

app.py              composition root: settings in, a running server out
listening.py        sockets and uvicorn
http_protocol.py    HTTP/1.1 on one connection: a deadline for heads, bodies of one length
methods.py          HEAD wherever there is GET, `Allow`
services.py         what every route works with
api_keys.py         the keys of the settings; callers.py: who calls, and is the job theirs?
routes/             one module a noun; routes/jobs.py is the story of a submission
body.py             one request body, whichever way it was sent: multipart, raw, JSON
multipart.py        a streamed form as events
receiving.py        a body in pieces, bounded in size and time
inline.py           JSON bodies, a file in them
admission.py        is there room, and was the same sent before (Idempotency-Key)?
upload.py           first bytes -> type, all bytes -> object store
filenames.py        names of uploads, fit for display
options.py          what the caller chose, checked
model_choice.py     which model serves, by the workers' own reports
model_views.py      models and workers as callers see them
model_orders.py     switches, loads and unloads: kept for the workers, waited for
answers.py          jobs and pages with their results
negotiation.py      which form of a result a caller wants
rendered.py         results in that form, streamed page by page
waiting.py          holding an answer until a job ends; held_answers.py lets all go at the end
event_feeds.py      what happened to jobs, read once for all listeners; event_stream.py sends it
problems.py         error class -> HTTP status, the only place
error_reference.py  every error explained: docs/errors.md and /docs/errors
host_check.py       no foreign web page reaches an open service
headers.py          security headers
openapi.py          what the OpenAPI document says beside the code; openapi_document.py builds it
openapi_requests.py what the document says of requests: headers, options, bodies
openapi_examples.py examples of answers
"""
