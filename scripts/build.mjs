// Builds dist/leapp (the launcher) and dist/leapp-core (everything else), unless nothing changed since.
//
//   node scripts/build.mjs           for this machine, into dist/
//   node scripts/build.mjs --all     for every target, each into dist/OS-ARCH/
//
// It needs what `npm ci` installs. A C compiler makes the launcher; without one leapp-core is `leapp`, slower.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { cFlags, hostCompiler } from "./compiler.mjs";
import { ask, bun, ensureInstalled, root, run } from "./run.mjs";

const targets = [
  { name: "linux-x64", os: "linux", cpu: "x64", zig: "x86_64-linux-musl" },
  { name: "linux-arm64", os: "linux", cpu: "arm64", zig: "aarch64-linux-musl" },
  { name: "darwin-arm64", os: "darwin", cpu: "arm64", zig: "aarch64-macos" },
  { name: "darwin-x64", os: "darwin", cpu: "x64", zig: "x86_64-macos" },
  // No launcher: on Windows the way to the agent is a named pipe, which only the core speaks.
  { name: "windows-x64", os: "win32", cpu: "x64" },
];
const host = targets.find(({ os, cpu }) => os === process.platform && cpu === process.arch);
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const zig = ["python3", "-m", "ziglang", "cc"];

if (!host) fail(`no build for ${process.platform}-${process.arch}`);
ensureInstalled();
// The window's pages are inside leapp-core. In a process of its own: its tools print what they like.
if (run(process.execPath, ["scripts/build-ui.mjs"]) !== 0) fail("the window's pages");
if (process.argv.includes("--all")) {
  for (const target of targets) build(target, join(root, "dist", target.name));
} else {
  build(host, join(root, "dist"));
}

function build(target, folder) {
  const compiler = compilerFor(target);
  const stamp = join(folder, ".build.json");
  const inputs = hashInputs(target, compiler);
  const exe = target.os === "win32" ? ".exe" : "";
  const names = [`leapp-core${exe}`, `leapp${exe}`];
  const shown = relative(root, folder);
  if ([...names.map((name) => join(folder, name)), stamp].every(existsSync)) {
    if (readFileSync(stamp, "utf8") === inputs) {
      console.log(`${shown}: up to date`);
      return;
    }
  }
  const started = Date.now();
  // Built aside and moved into place, so that whoever runs the old programs meanwhile can go on.
  const aside = join(folder, `.new-${process.pid}`);
  mkdirSync(aside, { recursive: true });
  process.once("exit", () => rmSync(aside, { recursive: true, force: true }));
  const [core, launcher] = names.map((name) => join(aside, name));
  buildCore(target, core);
  buildLauncher(compiler, core, launcher);
  const ran = proveItRuns(target, core, launcher);
  rmSync(stamp, { force: true });
  for (const name of names) renameSync(join(aside, name), join(folder, name));
  writeFileSync(stamp, inputs);
  rmSync(aside, { recursive: true });

  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const how = compiler ? `launcher by ${compiler.join(" ")}` : "no C compiler for it: leapp is leapp-core";
  console.log(`${shown}: built in ${seconds} s (${how}; ${ran ? "it runs" : "not run here"})`);
  if (target.name === "darwin-x64" && process.platform !== "darwin")
    console.log(`  its stale signature: run \`codesign --force --sign - ${shown}/leapp-core\` on a Mac`);
}

function buildLauncher(compiler, core, output) {
  if (compiler) {
    const [command, ...flags] = compiler;
    const args = [...flags, ...cFlags, "-o", output, "launcher/launcher.c"];
    if (run(command, args) !== 0) fail("the launcher");
    return;
  }
  // One file with two names, so that no 110 MB are spent on the second.
  try {
    linkSync(core, output);
  } catch {
    copyFileSync(core, output);
  }
}

function compilerFor(target) {
  if (target.os === "win32") return undefined;
  if (target === host) return hostCompiler();
  return ask(zig[0], [...zig.slice(1, 3), "version"]) && [...zig, "-target", target.zig];
}

function buildCore(target, output) {
  const folder = target === host ? root : stage(target);
  const status = run(
    bun,
    [
      "build",
      "packages/cli/src/main.ts",
      "--compile",
      "--target",
      `bun-${target.os === "win32" ? "windows" : target.os}-${target.cpu}`,
      "--minify",
      "--bytecode",
      "--splitting",
      "--format=esm",
      // A credential_process runs in whatever folder its caller stands in, whose files must not run in us.
      "--no-compile-autoload-dotenv",
      "--no-compile-autoload-bunfig",
      "--define",
      `LEAPP_VERSION=${JSON.stringify(version)}`,
      "--outfile",
      output,
    ],
    { cwd: folder, stdio: ["ignore", "ignore", "inherit"] },
  );
  if (status !== 0) fail(`leapp-core for ${target.name}`);
}

/** The sources beside the dependencies of another platform: the keychain addon is a package per platform. */
function stage(target) {
  const folder = join(root, "node_modules/.cache/stage", target.name);
  rmSync(join(folder, "packages"), { recursive: true, force: true });
  for (const file of inputFiles()) {
    mkdirSync(join(folder, file, ".."), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  const pages = "packages/desktop/ui/dist";
  cpSync(join(root, pages), join(folder, pages), { recursive: true });
  const args = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
  args.push(`--os=${target.os}`, `--cpu=${target.cpu}`);
  if (target.os === "linux") args.push("--libc=glibc");
  if (run("npm", args, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] }) !== 0) fail("npm ci");
  return folder;
}

/** Runs what this machine can run: its own programs, and those for 64-bit ARM Linux where qemu is installed. */
function proveItRuns(target, core, launcher) {
  const emulator = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"];
  const emulated = target.name === "linux-arm64" && ask(emulator[0], ["--version"]) !== undefined;
  const commands = target === host ? [[core], [launcher]] : emulated ? [[...emulator, core]] : [];
  for (const [program, ...args] of commands) {
    const said = ask(program, [...args, "version"]);
    if (!said?.includes(version)) fail(`\`${program} ${args.join(" ")}\` does not tell its version: ${said}`);
  }
  return commands.length > 0;
}

function inputFiles() {
  const files = [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "scripts/build.mjs",
    "scripts/compiler.mjs",
  ];
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (!entry.isDirectory()) files.push(path);
      else if (!["node_modules", "test", "shell", "dist"].includes(entry.name)) walk(path);
    }
  };
  walk("packages");
  walk("launcher");
  return files.sort();
}

function hashInputs(...others) {
  const hash = createHash("sha256").update(JSON.stringify(others));
  for (const file of inputFiles()) {
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

function fail(what) {
  console.error(`build failed: ${what}`);
  process.exit(1);
}
