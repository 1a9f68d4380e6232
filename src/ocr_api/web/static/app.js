// The page at /: speaks the public API only, and writes server text as text, never as markup.
import { call, eventsOf, hasKey, useKey } from "/web/service.js";

const $ = (id) => document.getElementById(id);
const WAIT_S = 20;
const RETRIES = 30;
const AGAIN_MS = 2000;
const pause = (duration) => new Promise((resolve) => setTimeout(resolve, duration));
let file = null;
let run = 0;
let text = "";

function choose(found) {
  if (!found) return;
  file = found;
  $("chosen").textContent = found.name || "pasted image";
  $("read").disabled = false;
}

function showState(message, busy) {
  $("state").textContent = message;
  $("progress").hidden = !busy;
  $("form").setAttribute("aria-busy", String(busy));
}

function askForKey(hint = hasKey() ? "The service does not know this key." : "This service asks for a key; ask its operator.") {
  $("key-form").hidden = false;
  $("key-hint").textContent = hint;
}

function showError(problem) {
  if (problem.code === "unauthorized") askForKey();
  const box = $("error");
  box.replaceChildren();
  const sentence = document.createElement("p");
  sentence.textContent = problem.detail || "Something went wrong.";
  sentence.dir = "auto";
  box.append(sentence);
  if (typeof problem.code === "string") {
    const link = document.createElement("a");
    link.href = `/docs/errors#${encodeURIComponent(problem.code)}`;
    link.textContent = problem.code;
    box.append(link);
  }
  box.hidden = false;
  showState("", false);
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return { detail: `The service answered ${response.status}.` };
  }
}

async function submit(current) {
  const form = new FormData();
  if ($("model").value) form.append("model", $("model").value);
  form.append("file", file, file.name || "pasted");
  const response = await call("/ocr", { method: "POST", body: form });
  if (!response.ok) throw await problemOf(response);
  const accepted = await response.json();
  if (current !== run) return;
  const listening = new AbortController();
  listen(current, accepted.job_id, listening.signal);
  try {
    await follow(current, accepted.job_id);
  } finally {
    listening.abort();
  }
}

async function listen(current, jobId, signal) {
  while (!signal.aborted && current === run) {
    try {
      await showTextAsItComes(current, jobId, signal);
    } catch {
      // the service is away, or the job has ended
    }
    await pause(AGAIN_MS);
  }
}

async function showTextAsItComes(current, jobId, signal) {
  const pages = new Map();
  for await (const { event, data } of eventsOf(`/ocr/${encodeURIComponent(jobId)}/events`, signal)) {
    if (event !== "text") continue;
    const { page_number: page, offset, text: piece } = JSON.parse(data);
    pages.set(page, (offset ? pages.get(page) ?? "" : "") + piece); // offset 0: it begins anew
    if (current !== run || signal.aborted) return;
    $("facts").textContent = "being read …";
    $("warnings").replaceChildren();
    showText([...pages.keys()].sort((a, b) => a - b).map((number) => pages.get(number)).join("\n\n"));
  }
}

async function follow(current, jobId) {
  let failures = 0;
  const address = `/ocr/${encodeURIComponent(jobId)}?wait=`;
  let wait = 0;
  while (current === run) {
    const response = await call(address + wait).catch(() => null);
    if (response && response.ok) {
      failures = 0;
      wait = WAIT_S;
      const job = await response.json();
      if (current !== run || showJob(job)) return;
    } else if (response && response.status !== 503) {
      throw await problemOf(response);
    } else if (++failures > RETRIES) {
      throw { detail: "The service does not answer any more. The file is kept; ask again later." };
    } else {
      showState("The service is away; trying again …", true);
      await pause(AGAIN_MS);
    }
  }
}

function showJob(job) {
  if (job.status === "completed") showResult(job);
  else if (job.status === "failed") showError(job.error_detail || { detail: job.error });
  else if (job.status === "cancelled") showState("The job was cancelled.", false);
  else showProgress(job);
  return ["completed", "failed", "cancelled"].includes(job.status);
}

function showProgress(job) {
  const { pages_done: done, pages_total: total } = job.progress;
  const bar = $("progress");
  if (total > 1) {
    bar.max = total;
    bar.value = done;
  } else {
    bar.removeAttribute("value");
  }
  const waits = job.status === "pending" ? "Waiting for a worker …" : "Reading …";
  showState(total > 1 ? `${waits} page ${done + 1} of ${total}` : waits, true);
}

function showText(found) {
  text = found;
  $("text").replaceChildren(...text.split("\n").map((line) => {
    const row = document.createElement("p");
    row.dir = "auto"; // each line by its own first letter: Arabic stands on the right
    row.textContent = line;
    return row;
  }));
  $("result").hidden = false;
}

function showResult(job) {
  const pages = job.result.metadata.pages;
  const facts = [[...new Set(pages.map((page) => page.model))].join(", ")];
  if (job.result.confidence !== null) facts.push(`confidence ${Math.round(job.result.confidence * 100)} %`);
  facts.push(`${pages.reduce((sum, page) => sum + page.duration_s, 0).toFixed(1)} s`);
  $("facts").textContent = facts.filter(Boolean).join(" · ");
  const warnings = [...job.warnings, ...pages.flatMap((page) => page.warnings), ...job.failed_pages.map((page) => `Page ${page.page_number}: ${page.error}`)];
  $("warnings").replaceChildren(...warnings.map((warning) => {
    const item = document.createElement("li");
    item.textContent = warning;
    return item;
  }));
  showText(job.result.text);
  showState(text.trim() ? "Done." : "Done: no text was found on the page.", false);
  $("text").focus({ preventScroll: true });
}

async function start() {
  const current = ++run;
  $("error").hidden = true;
  $("result").hidden = true;
  showState("Sending …", true);
  try {
    await submit(current);
  } catch (problem) {
    if (current === run) showError(problem instanceof Error ? { detail: "The service cannot be reached." } : problem);
  }
}

async function loadModels() {
  const response = await call("/models").catch(() => null);
  if (response?.status === 401) askForKey();
  else if (!response?.ok && !$("key-form").hidden) askForKey("The service does not answer; try again.");
  if (!response?.ok) return;
  $("key-form").hidden = true;
  const list = await response.json();
  const select = $("model");
  select.length = 1;
  select.options[0].textContent = `current (${list.current_model})`;
  for (const model of list.models) {
    const option = new Option(model.is_available ? model.name : `${model.name}: not available`, model.id);
    option.disabled = !model.is_available;
    option.title = model.is_available ? model.best_for : model.message;
    select.append(option);
  }
  const about = () => {
    const chosen = list.models.find((model) => model.id === select.value);
    $("about-model").textContent = chosen ? `Good for: ${chosen.best_for}` : list.warnings.join(" ");
  };
  select.onchange = about;
  about();
}

async function copy() {
  try {
    await navigator.clipboard.writeText(text);
    showState("Copied.", false);
  } catch {
    const selection = getSelection();
    selection.selectAllChildren($("text"));
    showState("The text is selected; copy it with Ctrl+C.", false);
  }
}

function download() {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${(file?.name || "page").replace(/\.[^.]*$/, "")}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

$("file").addEventListener("change", (event) => choose(event.target.files[0]));
$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (file) start();
});
$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = $("key").value.trim();
  if (!/^[!-~]*$/.test(given)) return askForKey("A key has no such characters.");
  useKey(given);
  $("error").hidden = true;
  loadModels();
});
$("copy").addEventListener("click", copy);
$("download").addEventListener("click", download);
document.addEventListener("paste", (event) => choose(event.clipboardData?.files[0]));
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
  });
}
document.addEventListener("drop", (event) => choose(event.dataTransfer?.files[0]));
loadModels();
