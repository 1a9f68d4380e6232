// How the pages speak to the service: with the API key, where one was given, which this tab alone remembers.
const KEY = "ocr-api-key";

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const useKey = (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY));

export function call(address, options = {}) {
  const key = hasKey() ? { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` } : {};
  return fetch(address, { ...options, headers: { ...options.headers, ...key } });
}

// The events of one stream, each { event, data }; an EventSource could not show a key.
export async function* eventsOf(address, signal) {
  const response = await call(address, { signal });
  if (!response.ok || response.status === 204) return;
  let rest = "";
  for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      yield Object.fromEntries(block.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]));
    }
  }
}
