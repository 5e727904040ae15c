// Runs krmfn in Pyodide, away from the page, so that typing never waits for it.

import { loadPyodide } from "./pyodide/pyodide.mjs";

const load = async (name) => {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response;
};

/** Return what happened, without the way there: Python's errors end with it. */
const lastLine = (error) => String(error.message ?? error).trim().split("\n").at(-1);

async function start() {
  const [pyodide, archive, program] = await Promise.all([
    loadPyodide({ indexURL: new URL("./pyodide/", import.meta.url).href }),
    load("krmfn.zip").then((response) => response.arrayBuffer()),
    load("playground.py").then((response) => response.text()),
  ]);
  pyodide.unpackArchive(archive, "zip", { extractDir: "/lib/krmfn" });
  pyodide.FS.writeFile("/lib/krmfn/playground.py", program);
  pyodide.runPython("import sys; sys.path.insert(0, '/lib/krmfn')");
  return pyodide.pyimport("playground");
}

async function main() {
  const playground = await start();
  const files = JSON.parse(playground.example());
  self.onmessage = ({ data }) => {
    try {
      postMessage({ answer: JSON.parse(playground.answer(JSON.stringify(data))) });
    } catch (error) {
      postMessage({ failure: lastLine(error) });
    }
  };
  postMessage({ files });
}

main().catch((error) => postMessage({ failure: lastLine(error) }));
