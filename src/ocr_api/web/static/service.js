// How the pages speak to the service: with the API key, where one was given, which this tab alone remembers.
const NAME = "ocr-api-key";
let key = remembered();

function remembered() {
  try {
    return sessionStorage.getItem(NAME) || "";
  } catch {
    return ""; // the browser keeps nothing
  }
}

export const hasKey = () => key !== "";

export function useKey(given) {
  key = given;
  try {
    sessionStorage.setItem(NAME, given);
  } catch {
    // known as long as the page is open
  }
}

export async function call(address, options = {}) {
  const isOwn = new URL(address, location.href).origin === location.origin;
  const shown = isOwn && hasKey() ? { Authorization: `Bearer ${key}` } : {};
  return fetch(address, { ...options, headers: { ...options.headers, ...shown } });
}

// The events of one stream, each { event, data }; an EventSource could not show a key.
export async function* eventsOf(address, signal) {
  const response = await call(address, { signal });
  if (!response.ok || response.status === 204) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) yield Object.fromEntries(block.split("\n").map(fieldOf));
    }
  } finally {
    reader.cancel().catch(() => {}); // where nobody listens any more, or it has ended anyway
  }
}

function fieldOf(line) {
  const end = line.indexOf(": ");
  return [line.slice(0, end), line.slice(end + 2)];
}
