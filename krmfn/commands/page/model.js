// What the page shows, made of the plan that it holds: machines, their groups and categories.

// For each verdict a sign and its meaning. Their order and their words are in the data.
const VERDICTS = {
  "rejected": ["!", "KubeVirt refuses the update."],
  "delete": ["×", "The machine goes, and its disks with it."],
  "create": ["+", "A new machine."],
  "stop": ["■", "The machine is switched off."],
  "start": ["▲", "The machine is switched on."],
  "restart": ["↻", "Takes effect after you restart the machine."],
  "next-start": ["»", "Takes effect at the next start. No condition says so."],
  "pending": ["…", "Takes effect at the next migration."],
  "live": ["✓", "Takes effect at once, in the running machine."],
  "no-effect": ["∅", "The declaration changes; the machine does not."],
  "unchanged": ["·", "The machine stays as it is."],
};
const HUES = 8;
const ELSEWHERE = "cluster unknown";
const SUFFIXES = [
  [1000, ["", "k", "M", "G", "T", "P", "E"]],
  [1024, ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]],
  [0.001, ["", "m", "u", "n"]],
];
// Such a name stands in a text as a name only, so that changes can be compared without it.
const PLAIN_NAME = /^(?=.*-)(?=.*[a-df-z])[a-z][-.a-z0-9]*$/;
const PLACEHOLDER = "<claim>";
const collator = new Intl.Collator("en", { numeric: true });

function byName(one, other) {
  return collator.compare(one.name, other.name);
}

function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Return a Kubernetes quantity as a number, NaN if it is none. */
function amount(text) {
  const [, digits, suffix] = /^([-+.\d]+(?:[eE][-+]?\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  for (const [base, suffixes] of SUFFIXES) {
    if (suffixes.includes(suffix)) return Number(digits) * base ** suffixes.indexOf(suffix);
  }
  return NaN;
}

/** Return a quantity as people read it: 11.2 for 11200m. */
function readable(text) {
  return /^\d+m$/.test(text) ? String(Number(text.slice(0, -1)) / 1000) : text;
}

/** Group things by a key, in the order of the keys; returns [{name, members}]. */
function grouped(things, key) {
  const groups = new Map();
  for (const thing of things) {
    const name = key(thing);
    if (!groups.has(name)) groups.set(name, { name, members: [] });
    groups.get(name).members.push(thing);
  }
  return [...groups.values()].sort(byName);
}

/** Return all machines: those that are declared, and those that go. */
function readMachines({ plan, changes }) {
  const isVm = (change) => change.kind === "VirtualMachine";
  const changed = new Map();
  for (const change of (changes?.changes ?? []).filter(isVm)) {
    changed.set(`${change.namespace}/${change.name}`, change);
  }
  const clusters = new Map(plan.nodeTypes.map((type) => [type.provider, type.cluster]));
  const only = new Set(clusters.values()).size === 1 ? [...clusters.values()][0] : null;
  const machines = plan.claims.map((claim) => ({ ...claim, ...claim.machine, claim: claim.name }));
  const declared = new Set(machines.map(machineId));
  for (const [id, change] of changed) {
    // A machine whose provider is gone belongs to the only cluster, if there is only one.
    const cluster = clusters.get(change.provider) ?? only;
    if (!declared.has(id)) machines.push({ ...change, cluster, status: "Deleted" });
  }
  for (const machine of machines) {
    machine.id = machineId(machine);
    machine.cluster ??= ELSEWHERE;
    machine.type = typeName(machine);
    machine.change = changed.get(machine.id) ?? null;
    machine.category = changes ? (machine.change?.verdict ?? "unchanged") : machine.type;
    const { id, pool, virtualCluster, type, claim } = machine;
    machine.words = [id, pool, virtualCluster, type, claim].join(" ").toLowerCase();
  }
  return machines.sort(byName);
}

function machineId(machine) {
  return `${machine.namespace}/${machine.name}`;
}

/** Return the full name of a machine's node type; a claim with a template of its own has none. */
function typeName({ provider, nodeType }) {
  return nodeType ? `${provider ?? "?"}.${nodeType}` : "own template";
}

/** Return what colours the machines, [{name, sign, style, meaning, count}]: verdicts or types. */
function readCategories({ plan, changes, words }, machines) {
  const counts = new Map(grouped(machines, (one) => one.category).map(
    ({ name, members }) => [name, members.length]));
  if (changes) {
    const found = Object.keys(words).filter((name) => counts.has(name));
    return found.map((name) => {
      const [sign, meaning] = VERDICTS[name];
      return { name, sign, style: `is-${name}`, meaning, count: counts.get(name) };
    });
  }
  return [...counts.keys()].map((name, index) => ({
    name,
    sign: letters(index),
    style: `hue-${index % HUES}`,
    meaning: resourcesText(plan.nodeTypes.find((type) => type.fullName === name)?.resources),
    count: counts.get(name),
  }));
}

/** Return the letters of a column in a spreadsheet: A to Z, AA and so on. */
function letters(index) {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}

function resourcesText(resources = {}) {
  return Object.entries(resources).map(([name, value]) => `${readable(value)} ${name}`).join(", ");
}

/** Return the sentence at the top of the page, and what stands below it. */
function summaryText({ plan, changes, words }, machines, categories) {
  if (!changes) {
    const clusters = new Set(machines.map((machine) => machine.cluster));
    const where = [counted(clusters.size, "cluster"), counted(plan.nodeTypes.length, "node type")];
    return [counted(machines.length, "machine"), `declared for ${where.join(", of ")}`];
  }
  const moving = categories.filter(({ name }) => name !== "unchanged");
  const number = moving.reduce((sum, { count }) => sum + count, 0);
  if (!number) return ["No machine changes", `${counted(machines.length, "machine")} unchanged`];
  const numeral = (value) => value.toLocaleString("en");
  const parts = moving.map(({ name, count }) => `${numeral(count)} ${words[name]}`);
  if (!moving.some(({ name }) => name === "delete")) parts.push("nothing deleted");
  const all = counted(machines.length, "machine");
  return [`${numeral(number)} of ${all} ${number === 1 ? "changes" : "change"}`, parts.join(", ")];
}

/** Return the objects that change alike, [{verdict, kind, alike, members}], heaviest first. */
function readChanges({ changes, words }, machines) {
  const groups = new Map();
  for (const change of changes?.changes ?? []) {
    if (followsMachines(change, machines)) continue;
    const alike = withoutName(change);
    const key = JSON.stringify([change.kind, alike]);
    const group = { verdict: change.verdict, kind: change.kind, alike, members: [] };
    if (!groups.has(key)) groups.set(key, group);
    groups.get(key).members.push(change);
  }
  const verdicts = Object.keys(words);
  const rank = (group) => verdicts.indexOf(group.verdict);
  return [...groups.values()].sort(
    (one, other) => rank(one) - rank(other) || other.members.length - one.members.length);
}

/** Tell whether a Secret comes or goes with all its machines, which says enough. */
function followsMachines(change, machines) {
  if (change.kind !== "Secret" || !["create", "delete"].includes(change.verdict)) return false;
  const owner = ownerOf(change);
  const isOfOwner = (name) => name === owner || name.replace(/-\d+$/, "") === owner;
  const uses = (name) => change.usedBy?.includes(name) ?? isOfOwner(name);
  const users = machines.filter((one) => one.namespace === change.namespace && uses(one.name));
  return users.length > 0 && users.every((machine) => machine.category === change.verdict);
}

/** Return the name of the machine or pool that an object is of. */
function ownerOf(change) {
  return change.kind === "Secret" ? change.name.replace(/-(cloud-init|network)$/, "") : change.name;
}

/** Return what a change says of an object, without the object's name. */
function withoutName({ verdict, cause, dataVolumes, usedBy, fields, ...object }) {
  const text = JSON.stringify({ verdict, cause, dataVolumes, usedBy, fields });
  const name = ownerOf(object);
  return JSON.parse(PLAIN_NAME.test(name) ? text.replaceAll(name, PLACEHOLDER) : text);
}
