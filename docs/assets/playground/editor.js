// An editor of one file: a textarea whose text is seen through it, coloured, with numbers of lines.

import { coloured } from "./yaml.js";

export class Editor {
  /** Show a file; `changed` is called after each edit. */
  constructor(name, text, changed) {
    this.name = name;
    this.area = Object.assign(document.createElement("textarea"), {
      value: text,
      spellcheck: false,
      wrap: "off",
      autocapitalize: "off",
      autocomplete: "off",
    });
    this.area.setAttribute("aria-label", name);
    this.shown = document.createElement("pre");
    this.gutter = document.createElement("div");
    for (const one of [this.shown, this.gutter]) one.setAttribute("aria-hidden", "true");
    this.gutter.className = "pg-gutter";
    this.shown.className = "highlight";
    const code = document.createElement("div");
    code.className = "pg-code";
    code.append(this.shown, this.area);
    this.element = document.createElement("div");
    this.element.className = "pg-editor";
    this.element.append(this.gutter, code);
    this.problems = [];
    this.area.addEventListener("input", () => {
      this.problems = [];
      this.draw();
      changed();
    });
    this.area.addEventListener("scroll", () => this.follow());
    this.area.addEventListener("keydown", (event) => this.indent(event));
    this.draw();
  }

  get text() {
    return this.area.value;
  }

  set text(text) {
    this.area.value = text;
    this.draw();
  }

  /** Mark the lines of problems. */
  mark(problems) {
    this.problems = problems.filter((problem) => problem.line);
    this.draw();
  }

  /** Put the cursor at a line and column, both from 1. */
  jump(line, column) {
    const lines = this.text.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    const end = start + (lines[line - 1] ?? "").length;
    this.area.focus();
    this.area.setSelectionRange(Math.min(start + column - 1, end), end);
    const height = parseFloat(getComputedStyle(this.area).lineHeight);
    this.area.scrollTop = Math.max(0, height * (line - 1) - this.area.clientHeight / 2);
    this.area.scrollLeft = 0;
  }

  draw() {
    // A last line that is empty has no height in a block.
    this.shown.innerHTML = `${coloured(this.text)}\n`;
    const worst = new Map();
    for (const { line, severity } of this.problems) {
      if (worst.get(line) !== "error") worst.set(line, severity);
    }
    const numbers = this.text.split("\n").map((_, index) => {
      const number = document.createElement("span");
      number.textContent = index + 1;
      number.className = worst.has(index + 1) ? `is-${worst.get(index + 1)}` : "";
      return number;
    });
    this.gutter.replaceChildren(...numbers);
    this.follow();
  }

  follow() {
    const { scrollLeft, scrollTop } = this.area;
    this.shown.style.transform = `translate(${-scrollLeft}px, ${-scrollTop}px)`;
    this.gutter.scrollTop = scrollTop;
  }

  /** Begin a new line below the text of the line before it. */
  indent(event) {
    if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey) return;
    const before = this.text.slice(0, this.area.selectionStart);
    const [indent] = /[ ]*$/.exec(/^[ ]*/.exec(before.slice(before.lastIndexOf("\n") + 1))[0]);
    if (!indent) return;
    event.preventDefault();
    // Old, but the one way that leaves undo as it is.
    document.execCommand("insertText", false, `\n${indent}`);
  }
}
