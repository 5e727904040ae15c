// The parts of the page. All texts of the plan become text nodes: none is ever read as markup.

const NOTES_SHOWN = 5;
const PLACES_SHOWN = 3;
const NAMES_SHOWN = 3;
const SEVERITIES = { error: "failed check", warning: "warning", info: "notice" };

/** Make an element; keys with a dash are attributes, the others properties. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Make a text of the plan, whose direction of writing ends with it. */
function given(value, className = "") {
  return make("bdi", { className }, value);
}

function span(className, value) {
  return make("span", { className }, value);
}

function muted(...children) {
  return make("p", { className: "muted" }, ...children);
}

/** Make a sign; a screen reader hears the words beside it. */
function signOf({ sign }, className = "sign") {
  return make("span", { className, "aria-hidden": "true" }, sign);
}

function swatch(category) {
  return signOf(category, `swatch ${category.style}`);
}

/** Make the label of a verdict, with its sign and colour. */
function badge(verdict) {
  const [sign] = VERDICTS[verdict];
  return make("span", { className: `badge is-${verdict}` }, signOf({ sign }), verdict);
}

/** Make the button that shows one category alone. */
function chip(category) {
  const { name, meaning, count } = category;
  const properties = { type: "button", className: "chip", title: meaning, "aria-pressed": "false" };
  const number = span("count", count.toLocaleString("en"));
  return make("button", properties, swatch(category), given(name), number);
}

/** Make the button of a machine. */
function tile(machine, category) {
  const state = ["Off", "Manual"].includes(machine.status) ? `, ${machine.status}` : "";
  const label = `${machine.name}: ${category.name}${state}`;
  const className = `tile ${category.style}`;
  const name = make("span", { className: "name", "aria-hidden": "true" }, machine.name);
  const properties = { type: "button", className, title: label, "aria-label": label };
  const button = make("button", properties, signOf(category), name);
  button.classList.toggle("off", machine.status === "Off");
  return button;
}

/** Make a bar: how much of a limit is used, and how much at the peak of a change. */
function bar(label, used, peak, hard, text) {
  const percent = (value) => (100 * amount(value)) / (amount(hard) || 1);
  const share = (value) => `${Math.min(100, Math.max(0, percent(value)))}%`;
  const [rising, filled] = [span("peak", ""), span("used", "")];
  rising.style.width = share(peak);
  filled.style.width = share(used);
  const isOver = amount(peak) > amount(hard);
  return make("div", { className: isOver ? "limit over" : "limit" },
    make("div", { className: "limit-label" }, given(label), span("", text)),
    make("div", { className: "bar", "aria-hidden": "true" }, rising, filled));
}

function quotaBar({ budget, resource, used, peak = used, hard }) {
  const rises = amount(peak) > amount(used) ? `, ${readable(peak)} at the peak` : "";
  const over = amount(peak) > amount(hard) ? " – exceeded" : "";
  const text = `${readable(used)} of ${readable(hard)}${rises}${over}`;
  return bar(`${budget}: ${resource}`, used, peak, hard, text);
}

/** Make the card of a node type; `budget` is that of its `maxCapacity`, if it has one. */
function typeCard(type, number, budget, category) {
  const peak = budget?.peak ?? String(number);
  const facts = [`cost ${type.cost}`, resourcesText(type.resources)].filter(Boolean);
  const limit = type.total
    ? bar("nodes", String(number), peak, String(type.total), capacityText(number, peak, type))
    : make("p", { className: "limit-label" }, span("", "nodes"), span("", `${number}, no limit`));
  return make("article", { className: "card" },
    make("h3", {}, category ? swatch(category) : null, given(type.name)),
    muted(given(`${type.provider} · ${type.cluster}`)), limit, muted(facts.join(" · ")));
}

function capacityText(number, peak, type) {
  const rises = amount(peak) > number ? `, ${peak} at the peak` : "";
  return `${number} of ${type.total}, ${type.available} available${rises}`;
}

function totalText(total) {
  const off = total.off ? ` (${total.off} off)` : "";
  const parts = [`${counted(total.virtualMachines, "machine")}${off}`];
  return [...parts, resourcesText(total.resources)].filter(Boolean).join(" · ");
}

/** Make one pair of a description list; nothing if there is no value. */
function fact(name, value) {
  return value ? [make("dt", {}, name), make("dd", {}, given(value))] : [];
}

/** Make one side of a change: `old` or `new`. */
function side(name, value) {
  const text = value !== null && typeof value === "object" ? JSON.stringify(value, null, 2) : value;
  const shown = value === null ? make("em", {}, "nothing") : make("code", {}, String(text));
  return make("div", { className: name }, span("side", name), shown);
}

/** Make the description of a field that changes. The values of Secrets are masked: both null. */
function fieldBlock({ path, old, new: next, verdict, why, cause }) {
  const isMasked = old === null && next === null;
  return make("div", { className: "field" },
    make("p", { className: "path" }, make("code", {}, path)),
    isMasked ? null : make("div", { className: "values" }, side("old", old), side("new", next)),
    make("p", { className: "reason" }, badge(verdict), why ? given(why) : null),
    cause ? make("p", { className: "cause" }, "set by ", given(cause)) : null);
}

/** Make what a change says: its cause, the disks that go, and its fields. */
function changeBody({ cause, dataVolumes, usedBy, fields }) {
  const lines = [
    ["Why: ", cause],
    ["Its disks go with it: ", dataVolumes?.join(", ")],
    ["Machines that name it: ", usedBy?.join(", ")],
  ];
  const said = lines.filter(([, value]) => value);
  const parts = said.map(([name, value]) => make("p", {}, name, given(value)));
  return [...parts, ...fields.map(fieldBlock)];
}

function machineLink(machine) {
  const href = `#${addressOf({ id: machineId(machine) })}`;
  return make("a", { href }, given(machine.name));
}

/** Return the part of the page's address that names a machine. */
function addressOf({ id }) {
  return `machine=${encodeURIComponent(id).replaceAll("%2F", "/")}`;
}

/** Make the details of a machine. */
function details(machine, category, type) {
  const close = make("button", { type: "button", className: "close", "aria-label": "Close" }, "×");
  const verdict = VERDICTS[category.name]
    ? [make("p", { className: "reason" }, badge(category.name), category.meaning)]
    : [];
  const facts = [
    ["Cluster", machine.cluster],
    ["Namespace", machine.namespace],
    ["Virtual cluster", machine.virtualCluster],
    ["Pool", machine.pool],
    ["Node claim", machine.pool ? null : machine.claim],
    ["Node type", machine.type],
    ["Resources", resourcesText(type?.resources)],
    ["Status", machine.status],
  ];
  return [
    make("div", { className: "panel-head" }, make("h2", {}, given(machine.name)), close),
    ...verdict,
    make("dl", {}, ...facts.flatMap(([name, value]) => fact(name, value))),
    ...(machine.change ? changeBody(machine.change) : []),
    muted("Link to share: ", machineLink(machine)),
  ];
}

/** Make the legend, which the panel has while no machine is chosen. */
function legend(categories) {
  const rows = categories.flatMap((category) => [
    make("dt", {}, swatch(category), given(category.name)),
    make("dd", {}, given(category.meaning)),
  ]);
  return [
    make("h2", {}, "What the colours say"),
    make("dl", { className: "legend" }, ...rows),
    muted("Round: switched off. Choose a machine to see what it is and what changes."),
  ];
}

/** Make the description of objects that change alike; its body is made when it is opened. */
function changeGroup({ verdict, kind, alike, members }) {
  const noun = kind === "Secret" ? "Secret" : "machine";
  const names = members.slice(0, NAMES_SHOWN).map(machineId).join(", ");
  const hidden = members.length - NAMES_SHOWN;
  const more = hidden > 0 ? ` and ${hidden} more` : "";
  const number = make("strong", {}, counted(members.length, noun));
  const element = make("details", { className: "change" },
    make("summary", {}, badge(verdict), number, given(names + more, "muted")));
  element.fill = () => {
    element.fill = () => {};
    const parts = changeBody(members.length === 1 ? members[0] : alike);
    element.append(make("div", { className: "change-body" }, ...parts, memberList(kind, members)));
  };
  element.addEventListener("toggle", () => element.fill());
  return element;
}

function memberList(kind, members) {
  const link = kind === "Secret" ? (member) => given(machineId(member)) : machineLink;
  const items = members.map((member) => make("li", {}, link(member)));
  return make("ul", { className: "members" }, ...items);
}

/** Make the list of problems; those with the same message stand together. */
function noteList(results) {
  const groups = new Map();
  for (const result of results) {
    const key = JSON.stringify([result.severity, result.message]);
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  const numbers = [];
  for (const [severity, noun] of Object.entries(SEVERITIES)) {
    const number = results.filter((result) => result.severity === severity).length;
    if (number) numbers.push(counted(number, noun));
  }
  const open = groups.size <= NOTES_SHOWN || results[0].severity === "error";
  return make("details", { open },
    make("summary", {}, make("h2", {}, numbers.join(", "))),
    make("ul", {}, ...[...groups.values()].map(note)));
}

/** Make the line of a message, and where it is true. */
function note(results) {
  const [{ severity, message }] = results;
  const places = results.map((result) => muted(given(placeText(result))));
  const hidden = places.splice(PLACES_SHOWN);
  const summary = make("summary", {}, `and ${hidden.length} more`);
  return make("li", { className: `note ${severity}` },
    make("strong", {}, severity), " ", given(message), ...places,
    hidden.length ? make("details", {}, summary, ...hidden) : null);
}

function placeText({ resourceRef, field, file, line, column, tags }) {
  const place = [file?.path, line, column].filter((part) => part !== undefined).join(":");
  const name = [resourceRef?.namespace, resourceRef?.name].filter(Boolean).join("/");
  const object = [resourceRef?.kind, name].filter(Boolean).join(" ");
  return [place, object, field?.path, tags?.code].filter(Boolean).join(" · ");
}
