// The whole test run: build, types, import rules, then every *.test.ts. Arguments go to `bun test`.
// With --native: the app and the package, and their tests, which take a desktop's libraries and Rust.
// The last line is `N passed, N failed`.
import { spawn } from "node:child_process";
import { bun, ensureInstalled, root, run } from "./run.mjs";

ensureInstalled();
let passed = 0;
let failed = 0;
const step = (name, command, args) => {
  console.log(`— ${name}`);
  if (run(command, args) === 0) passed += 1;
  else failed += 1;
};
const native = process.argv.includes("--native");
const given = process.argv.slice(2).filter((argument) => argument !== "--native");
let files = [];
if (native) {
  step("app for its tests", process.execPath, ["scripts/build-app.mjs", "--automation"]);
  step("package", process.execPath, ["scripts/package.mjs"]);
  step("tests in the app's sources", process.execPath, ["scripts/build-app.mjs", "--test"]);
  files = ["test/native/"];
} else {
  step("build", process.execPath, ["scripts/build.mjs"]);
  step("types", "npx", ["tsc", "-p", "."]);
  step("types of the window", "npx", ["tsc", "-p", "packages/desktop/ui"]);
  step("import rules", process.execPath, ["scripts/check-layers.mjs"]);
  const chosen = given.some((argument) => !argument.startsWith("-"));
  if (!chosen) files = ["packages/", "test/", "--path-ignore-patterns=test/native/**"];
}

console.log("— tests");
const tests = spawn(bun, ["test", "--parallel=2", "--timeout=120000", ...given, ...files], {
  cwd: root,
  // The machine's own AWS settings would make a test pass or fail for reasons of the machine's.
  env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("AWS_"))),
  stdio: ["ignore", "pipe", "pipe"],
  shell: process.platform === "win32",
});
let tail = "";
for (const [from, to] of [
  [tests.stdout, process.stdout],
  [tests.stderr, process.stderr],
]) {
  from.setEncoding("utf8").on("data", (text) => {
    to.write(text);
    tail = (tail + text).slice(-4000);
  });
}
tests.on("close", (status) => {
  // " 12 pass\n 1 fail\n" in bun's summary, with colours where it thinks of a terminal.
  const plain = tail.replace(/\u001b\[[0-9;]*m/g, "");
  const count = (word) =>
    Number([...plain.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1] ?? 0);
  passed += count("pass");
  failed += count("fail");
  // A crash or a file that cannot be loaded must not look like a success.
  if (status !== 0 && failed === 0) failed = 1;
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
});
