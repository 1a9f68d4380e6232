// The page at /docs: draws /openapi.json, and lets GET requests be tried.
import { call } from "/web/service.js";

const make = (name, content, attributes = {}) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...[content].flat());
  return node;
};
// Text whose `words` in backticks become code.
const prose = (text = "") => text.split("`").map((part, at) => (at % 2 ? make("code", part) : part));
const pretty = (value) => make("pre", JSON.stringify(value, null, 2), { tabindex: "0" });

function typeOf(schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `${typeOf(schema.items)}[]`;
  return [schema.type || "any", schema.format].filter(Boolean).join(": ");
}

function table(heads, rows) {
  const cells = (row, kind) => make("tr", row.map((cell) => make(kind, cell)));
  const body = make("tbody", rows.map((row) => cells(row, "td")));
  return make("div", make("table", [make("thead", cells(heads, "th")), body]), { class: "scroll" });
}

function fieldsOf(schema) {
  const required = new Set(schema.required || []);
  return table(["name", "type", "meaning"], Object.entries(schema.properties || {}).map(([name, field]) => [
    make("code", required.has(name) ? `${name} *` : name), make("code", typeOf(field)), prose(field.description),
  ]));
}

function bodyOf(body) {
  return Object.entries(body.content).flatMap(([type, { schema, example }]) => [
    make("h4", type),
    schema.properties ? fieldsOf(schema) : make("p", make("code", typeOf(schema))),
    ...(schema.example || example ? [pretty(schema.example || example)] : []),
  ]);
}

function answersOf(responses) {
  return Object.entries(responses).map(([status, { description, content = {} }]) => {
    const [type, answer] = Object.entries(content)[0] || [];
    const shape = answer?.schema ? ` ${typeOf(answer.schema)}` : "";
    const rest = answer?.example ? [pretty(answer.example)] : [];
    return make("details", [make("summary", [make("strong", status), " ", ...prose(description), make("code", shape)]), make("p", type || ""), ...rest]);
  });
}

function tryOut(path) {
  const input = make("input", [], { value: path, "aria-label": "Address", size: "40" });
  const button = make("button", "Send", { type: "button" });
  const answer = make("div", [], { role: "status" });
  button.addEventListener("click", async () => {
    const response = await call(input.value, { headers: { Accept: "application/json" } }).catch(() => null);
    const hint = response?.status === 401 ? "\nGive the key on the page at /, then come back in this tab." : "";
    const text = response ? `${response.status}\n${await response.text()}${hint}` : "The service cannot be reached.";
    answer.replaceChildren(make("pre", text, { tabindex: "0" }));
  });
  return make("div", [make("div", [input, button], { class: "row" }), answer]);
}

function operationOf(path, method, operation) {
  const parts = [make("summary", [make("span", method.toUpperCase(), { class: "method" }), make("code", path), ` ${operation.summary || ""}`])];
  if (operation.description) parts.push(make("p", prose(operation.description)));
  if (operation.parameters) {
    parts.push(make("h3", "Parameters"), table(["name", "in", "type", "meaning"], operation.parameters.map((field) => [
      make("code", field.name), field.in, make("code", typeOf(field.schema)), prose(field.description),
    ])));
  }
  if (operation.requestBody) parts.push(make("h3", "Body"), ...bodyOf(operation.requestBody));
  parts.push(make("h3", "Answers"), ...answersOf(operation.responses));
  if (method === "get") parts.push(make("h3", "Try it"), tryOut(path));
  return make("details", parts);
}

const document_ = await (await fetch("/openapi.json")).json();
document.getElementById("about").append(...prose(`${document_.info.description} Version ${document_.info.version}.`));
document.getElementById("operations").append(...Object.entries(document_.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => operationOf(path, method, operation))));
document.getElementById("schemas").append(...Object.entries(document_.components.schemas).map(([name, schema]) =>
  make("details", [make("summary", make("code", name)), make("p", prose(schema.description)), fieldsOf(schema)])));
