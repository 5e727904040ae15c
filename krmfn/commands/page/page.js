// Puts the page together, and answers what is clicked, typed and linked to.

const byId = (id) => document.getElementById(id);
const NAMES_FIT = 120;

const data = JSON.parse(byId("data").textContent);
const machines = readMachines(data);
const categories = readCategories(data, machines);
const categoryOf = new Map(categories.map((category) => [category.name, category]));
const typeOf = new Map(data.plan.nodeTypes.map((type) => [type.fullName, type]));
const current = data.changes ?? data.plan;
const machineOf = new Map(machines.map((machine) => [machine.id, machine]));
const tiles = new Map();
const rows = [];
const groups = readChanges(data, machines);
const pressed = new Set();
let chosen = null;

function drawHead() {
  const [summary, lead] = summaryText(data, machines, categories);
  byId("summary").textContent = summary;
  byId("lead").textContent = lead;
  for (const category of categories) {
    const button = chip(category);
    button.addEventListener("click", () => {
      if (!pressed.delete(category.name)) pressed.add(category.name);
      button.setAttribute("aria-pressed", String(pressed.has(category.name)));
      filter();
    });
    byId("chips").append(button);
  }
}

function drawNotes() {
  if (!data.results.length) return;
  byId("notes").hidden = false;
  byId("notes").append(noteList(data.results));
}

/** Draw the machines by cluster, namespace and pool. */
function drawMap() {
  for (const cluster of grouped(machines, (machine) => machine.cluster)) {
    const title = make("h2", {}, given(cluster.name));
    const section = make("section", { className: "cluster" }, title);
    for (const namespace of grouped(cluster.members, (machine) => machine.namespace)) {
      section.append(drawNamespace(cluster.name, namespace));
    }
    rows.push({ element: section, members: cluster.members });
    byId("map").append(section);
  }
}

function drawNamespace(cluster, { name, members }) {
  const isHere = (row) => (row.cluster || ELSEWHERE) === cluster && row.namespace === name;
  const section = make("section", { className: "namespace" }, make("h3", {}, given(name)));
  for (const total of current.totals.filter(isHere)) {
    section.append(muted(totalText(total)));
    const peak = data.changes?.peak.find(isHere);
    if (peak && JSON.stringify(peak) !== JSON.stringify(total)) {
      section.append(muted(`at the peak: ${totalText(peak)}`));
    }
  }
  const quotas = current.budgets.filter(isHere).map(quotaBar);
  if (quotas.length) section.append(make("div", { className: "quotas" }, ...quotas));
  const pools = grouped(members, ({ virtualCluster, pool }) =>
    `${virtualCluster ?? "?"} / ${pool ?? "node claims"}`);
  section.append(make("div", { className: "pools" }, ...pools.map(drawPool)));
  rows.push({ element: section, members });
  return section;
}

function drawPool({ name, members }) {
  const list = make("div", { className: "tiles", role: "group", "aria-label": name });
  for (const machine of members) {
    const button = tile(machine, categoryOf.get(machine.category));
    button.machine = machine;
    tiles.set(machine, button);
    list.append(button);
  }
  const title = make("h4", {}, given(name), span("count", String(members.length)));
  const element = make("div", { className: "pool" }, title, list);
  rows.push({ element, members });
  return element;
}

function drawChanges() {
  byId("changes").hidden = !groups.length;
  for (const group of groups) {
    group.element = changeGroup(group);
    byId("changes").append(group.element);
  }
}

function drawTypes() {
  const claims = new Map(grouped(data.plan.claims, typeName).map((one) => [one.name, one.members]));
  const capacities = current.budgets.filter((row) => row.budget === "maxCapacity");
  for (const type of data.plan.nodeTypes) {
    const number = claims.get(type.fullName)?.length ?? 0;
    const budget = capacities.find((row) => row.resource === type.fullName);
    const category = data.changes ? null : categoryOf.get(type.fullName);
    byId("types").querySelector(".cards").append(typeCard(type, number, budget, category));
  }
}

/** Show the machines that have a pressed category and all words of the search. */
function filter() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const isShown = (machine) => (!pressed.size || pressed.has(machine.category))
    && words.every((word) => machine.words.includes(word));
  const shown = new Set(machines.filter(isShown));
  for (const [machine, button] of tiles) button.hidden = !shown.has(machine);
  for (const { element, members } of rows) element.hidden = !members.some((one) => shown.has(one));
  const isFiltered = shown.size < machines.length;
  for (const { element, members } of groups) {
    element.hidden = isFiltered && !members.some((one) => shown.has(machineOf.get(machineId(one))));
  }
  say(isFiltered ? `${shown.size} of ${counted(machines.length, "machine")} shown` : "");
  enterGroups();
}

function say(text) {
  byId("status").textContent = text;
}

/** Let the Tab key stop once in each pool; arrows go on from there. */
function enterGroups() {
  for (const list of document.querySelectorAll(".tiles")) {
    let isFirst = true;
    for (const button of list.children) {
      button.tabIndex = isFirst && !button.hidden ? 0 : -1;
      isFirst &&= button.hidden;
    }
  }
}

/** Show the machine that the address names. */
function follow() {
  const name = new URLSearchParams(location.hash.slice(1)).get("machine");
  const machine = machineOf.get(name ?? "") ?? null;
  tiles.get(chosen)?.removeAttribute("aria-current");
  chosen = machine;
  const panel = byId("panel");
  panel.classList.toggle("open", machine !== null);
  if (!machine) {
    panel.replaceChildren(...legend(categories));
    byId("said").textContent = "";
    if (name) say(`This plan has no machine ${name}`);
    return;
  }
  const type = typeOf.get(machine.type);
  panel.replaceChildren(...details(machine, categoryOf.get(machine.category), type));
  panel.scrollTop = 0;
  byId("said").textContent = `Details of ${machine.name} are shown`;
  panel.querySelector(".close").addEventListener("click", close);
  tiles.get(machine).setAttribute("aria-current", "true");
  tiles.get(machine).scrollIntoView({ block: "nearest" });
}

function close() {
  const button = tiles.get(chosen);
  // An empty fragment would scroll the page to its top.
  location.hash = addressOf({ id: "" });
  button?.focus();
}

function step(button, key) {
  const shown = [...tiles.values()].filter((one) => !one.hidden);
  const index = shown.indexOf(button) + (key === "ArrowRight" || key === "ArrowDown" ? 1 : -1);
  shown[index]?.focus();
}

function onKey(event) {
  const isTyping = event.target === byId("search");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
    byId("search").focus();
  } else if (event.key === "Escape" && chosen && !isTyping) {
    close();
  } else if (event.key.startsWith("Arrow") && event.target.machine) {
    step(event.target, event.key);
  } else {
    return;
  }
  event.preventDefault();
}

function choose(event) {
  const button = event.target.closest(".tile");
  if (button) location.hash = addressOf(button.machine);
}

/** On paper all is open. */
function openAll() {
  for (const element of document.querySelectorAll("details")) {
    element.fill?.();
    element.wasOpen = element.open;
    element.open = true;
  }
}

function restore() {
  for (const element of document.querySelectorAll("details")) element.open = element.wasOpen;
}

function nameTiles() {
  document.body.classList.toggle("named", byId("names").checked);
}

drawHead();
drawNotes();
drawMap();
drawChanges();
drawTypes();
byId("names").checked = machines.length <= NAMES_FIT;
nameTiles();
filter();
follow();
byId("names").addEventListener("change", nameTiles);
byId("search").addEventListener("input", filter);
byId("map").addEventListener("click", choose);
document.addEventListener("keydown", onKey);
window.addEventListener("hashchange", follow);
window.addEventListener("beforeprint", openAll);
window.addEventListener("afterprint", restore);
