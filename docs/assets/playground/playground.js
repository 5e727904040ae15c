// The playground's page: editors on one side; machines, plan and problems on the other.

import { Editor } from "./editor.js";
import { coloured } from "./yaml.js";

const PAUSE = 300;
// A run that takes this long gives way to a newer edit.
const LONGEST_RUN = 10_000;
const LONGEST_TEXT = 200_000;
const MOST_OBJECTS = 500;
const FILES = ["tenant-1.yaml", "provider.yaml", "nodes.yaml", "kustomization.yaml"];
const VIEWS = ["Machines", "Plan", "Map"];
const LOADING = "Loading Python and krmfn (some 16 MB, once) …";

const root = document.querySelector("#pg");
const editors = new Map();
const opened = new Map();
let example = {};
let worker, timer, since, hasFailed;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Make tabs with their panels; the arrow keys move between them. */
function makeTabs(label, panels) {
  const list = make("div", { className: "pg-tabs", role: "tablist", ariaLabel: label });
  const select = (name) => {
    for (const [other, panel] of Object.entries(panels)) {
      const tab = tabs[other];
      tab.ariaSelected = String(other === name);
      tab.tabIndex = other === name ? 0 : -1;
      panel.hidden = other !== name;
    }
  };
  const tabs = {};
  for (const [name, panel] of Object.entries(panels)) {
    const id = `pg-${name.replace(".", "-").toLowerCase()}`;
    const tab = make("button", { type: "button", role: "tab", id: `${id}-tab`, textContent: name });
    Object.assign(panel, { id, role: "tabpanel" });
    tab.setAttribute("aria-controls", id);
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => select(name));
    tabs[name] = tab;
    list.append(tab);
  }
  list.addEventListener("keydown", ({ key }) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (!step) return;
    const all = [...list.querySelectorAll("[role=tab]")];
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    next.click();
  });
  select(Object.keys(panels)[0]);
  return { list, tabs, select };
}

const status = make("p", { className: "pg-status", role: "status", textContent: LOADING });
const problems = make("section", { className: "pg-problems", ariaLabel: "Problems" });
const machines = make("div", { className: "pg-machines" });
const plan = make("div", { className: "pg-plan" });
const map = make("iframe", { title: "The plan as a map", className: "pg-map" });
// Scripts of the plan's page may run, but have no access to this one.
map.sandbox = "allow-scripts";
const views = makeTabs("What krmfn makes of it", { Machines: machines, Plan: plan, Map: make("div", {}, map) });
const output = make("div", { className: "pg-output" }, machines, plan, map.parentElement);
const reset = make("button", { type: "button", className: "pg-reset", textContent: "Reset" });
let files;

/** Draw the editors, with the example in them. */
function begin(texts) {
  example = texts;
  for (const name of FILES) editors.set(name, new Editor(name, texts[name], changed));
  const elements = Object.fromEntries([...editors].map(([name, editor]) => [name, editor.element]));
  files = makeTabs("Files", elements);
  files.list.append(reset);
  const left = make("div", { className: "pg-side" }, files.list, ...Object.values(elements), problems);
  const right = make("div", { className: "pg-side" }, views.list, output);
  root.replaceChildren(status, make("div", { className: "pg-sides" }, left, right));
}

function changed() {
  root.dataset.edited = "true";
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
}

/** Ask for an answer to the files as they are now, after the one that is being made. */
function ask() {
  if (hasFailed || (since && performance.now() - since > LONGEST_RUN)) return restart();
  if (since) return changed();
  since = performance.now();
  root.ariaBusy = "true";
  root.dataset.edited = "false";
  worker.postMessage(Object.fromEntries([...editors].map(([name, editor]) => [name, editor.text])));
}

function receive({ data }) {
  since = 0;
  root.ariaBusy = "false";
  if (data.failure) return fail(data.failure);
  if (data.answer) return show(data.answer);
  if (!editors.size) begin(data.files);
  ask();
}

function fail(message) {
  hasFailed = true;
  status.textContent = `Something went wrong in the playground: ${message}`;
  status.className = "pg-status is-error";
}

const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const cut = (text) => (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}\n…` : text);

function show(answer) {
  showProblems(answer.problems);
  const isStale = !answer.objects;
  output.classList.toggle("is-stale", isStale);
  const errors = answer.problems.filter((problem) => problem.severity === "error");
  status.className = isStale ? "pg-status is-error" : "pg-status";
  if (isStale) {
    status.textContent = `${count(errors.length, "error")}: krmfn writes nothing now. What it wrote before is dimmed.`;
    return;
  }
  const found = answer.objects.filter(({ name }) => name.startsWith("VirtualMachine "));
  const hint = "Change something: the plan then says what a merge would do.";
  status.textContent = answer.changes?.split("\n")[0] ?? `${count(found.length, "machine")}. ${hint}`;
  showObjects(answer.objects);
  showPlan(answer);
  // Its scroll and choice would be lost.
  if (map.srcdoc !== answer.page) map.srcdoc = answer.page;
}

function showProblems(found) {
  for (const [name, editor] of editors) {
    editor.mark(found.filter((problem) => problem.file === name));
    const isWrong = found.some((problem) => problem.file === name && problem.severity === "error");
    files.tabs[name].classList.toggle("is-error", isWrong);
  }
  const rows = found.map((problem) => {
    const { file, line, column, severity, text } = problem;
    const place = [file, line, column].filter(Boolean).join(":");
    const label = make("span", { className: `pg-severity is-${severity}`, textContent: severity });
    const where = make("b", { textContent: place });
    const button = make("button", { type: "button" }, label, " ", where, place ? ": " : "", text);
    button.disabled = !editors.has(file);
    button.addEventListener("click", () => {
      files.select(file);
      editors.get(file).jump(line ?? 1, column ?? 1);
    });
    return make("li", {}, button);
  });
  const title = make("h2", { textContent: `Problems (${found.length})` });
  const none = make("p", { textContent: "None." });
  problems.replaceChildren(title, rows.length ? make("ul", {}, ...rows) : none);
}

function showObjects(objects) {
  const rows = objects.slice(0, MOST_OBJECTS).map(({ name, change, text }, index) => {
    const [kind, path] = name.split(" ");
    const badge = change ? make("span", { className: `pg-change is-${change}`, textContent: change }) : "";
    const summary = make("summary", {}, `${kind} `, make("b", { textContent: path }), " ", badge);
    const details = make("details", { open: opened.get(name) ?? index === 0 }, summary);
    const fill = () => {
      if (!details.open || details.querySelector("pre")) return;
      details.append(make("pre", { className: "highlight", innerHTML: coloured(cut(text)) }));
    };
    summary.addEventListener("click", () => opened.set(name, !details.open));
    details.addEventListener("toggle", fill);
    fill();
    return details;
  });
  const rest = objects.length - rows.length;
  machines.replaceChildren(...rows, rest > 0 ? make("p", { textContent: `… and ${rest} more` }) : "");
}

function showPlan({ changes, plan: declared }) {
  const part = (title, text) => [make("h2", { textContent: title }), make("pre", { textContent: cut(text) })];
  const merge = changes ? part("What a merge would do", changes) : [];
  plan.replaceChildren(...merge, ...part("What is declared", declared));
}

/** Start Python, in a worker that has this page's policy: it reaches no other host. */
function restart() {
  worker?.terminate();
  [since, hasFailed] = [0, false];
  root.ariaBusy = "true";
  const program = new URL("worker.js", import.meta.url).href;
  const source = new Blob([`import ${JSON.stringify(program)};`], { type: "text/javascript" });
  worker = new Worker(URL.createObjectURL(source), { type: "module" });
  worker.onmessage = receive;
  worker.onerror = (event) => fail(event.message);
}

reset.addEventListener("click", () => {
  for (const [name, editor] of editors) editor.text = example[name];
  opened.clear();
  ask();
});
root.replaceChildren(status);
restart();
