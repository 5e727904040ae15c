// Colours YAML: as HTML of spans with Pygments' class names, for which the site's theme has colours.

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const LINE = /^(\s*(?:- +)*)(?:([^\s#:'"[{&*!|>-][^:#]*?|"[^"]*"|'[^']*')(:)(?=\s|$))?(.*)$/;
const COMMENT = /(^|\s)#.*$/;
const NUMBER = /^\s*[-+]?[\d.]+\s*$/;
const WORD = /^\s*(?:true|false|null|~|[|>][-+]?)\s*$/;

const escaped = (text) => text.replace(/[&<>]/g, (char) => ESCAPES[char]);
const span = (name, text) => (text ? `<span class="${name}">${escaped(text)}</span>` : "");

function colouredValue(text) {
  const quoted = /^\s*["']/.test(text);
  const start = quoted ? -1 : text.search(COMMENT);
  const value = start < 0 ? text : text.slice(0, start);
  const comment = start < 0 ? "" : text.slice(start);
  const kind = NUMBER.test(value) ? "m" : WORD.test(value) ? "kc" : "s";
  return span(kind, value) + span("c1", comment);
}

/** Return the HTML of a text of YAML, or of a part of it. */
export function coloured(text) {
  return text
    .split("\n")
    .map((line) => {
      const [, indent, key = "", colon = "", rest] = LINE.exec(line);
      return escaped(indent) + span("nt", key) + escaped(colon) + colouredValue(rest);
    })
    .join("\n");
}
