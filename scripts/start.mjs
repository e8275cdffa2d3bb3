// The tour: the whole loop on the embedded sandbox, in a throw-away home. Nothing of yours is read or written.
//
//   npm start                   on a desktop it ends with a window to look around in, until that is closed
//   npm start -- --no-window    the terminal only, as with CI=true and without a display
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { bun, ensureInstalled, root, run } from "./run.mjs";

const color = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
const step = (text) => console.log(`\n${paint("1;36", text)}`);
const say = (text) => console.log(`  ${text}`);

ensureInstalled();
if (run(process.execPath, [join(root, "scripts/build.mjs")]) !== 0) process.exit(1);

const home = mkdtempSync(join(tmpdir(), "leapp-tour-"));
const env = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AWS_|LEAPP_)/.test(name))),
  HOME: join(home, "person"),
  LEAPP_HOME: join(home, "leapp"),
  LEAPP_VAULT_PASSPHRASE_FILE: join(home, "passphrase"),
  PATH: join(root, "dist") + delimiter + process.env.PATH,
};
mkdirSync(env.HOME);
writeFileSync(env.LEAPP_VAULT_PASSPHRASE_FILE, randomBytes(24).toString("base64"), { mode: 0o600 });

const sandbox = spawn(bun, [join(root, "packages/sandbox/src/main.ts")], {
  env,
  stdio: ["pipe", "pipe", "inherit"],
});
// Ctrl-C ends what runs, the window too, and then we tidy up.
process.on("SIGINT", () => {});
let failed = false;
try {
  const { url, seeds } = await firstLine(sandbox.stdout);
  env.AWS_ENDPOINT_URL = url;
  tour(seeds);
  if (!process.argv.includes("--no-window") && process.env.CI !== "true") window(seeds);
} catch (error) {
  failed = true;
  console.error(`\n${error.message}`);
} finally {
  leapp(["agent", "stop"], { quiet: true, mayFail: true });
  sandbox.stdin.end();
  rmSync(home, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

function tour({ user, roles }) {
  console.log(
    `\nAn AWS look-alike runs on this machine for this tour; your own ~/.aws and keychain are not touched.`,
  );

  step("1. Add an IAM user (its keys go into the encrypted vault) and a role reached from it");
  leapp(
    [
      "session",
      "add",
      "--type",
      "iam-user",
      "--name",
      "dev",
      "--region",
      "eu-west-1",
      "--profile",
      "dev",
    ].concat(["--access-key-id", user.accessKeyId, "--secret-access-key-stdin"]),
    { input: user.secretAccessKey },
  );
  leapp(
    ["session", "add", "--type", "iam-role-chained", "--name", "prod", "--parent", "dev"].concat([
      "--role-arn",
      roles.developer,
      "--region",
      "eu-west-1",
      "--profile",
      "prod",
    ]),
  );

  step("2. Start both, each under its own profile");
  leapp(["session", "start", "dev"]);
  leapp(["session", "start", "prod"]);

  step("3. What stands in ~/.aws/config now: a program to ask, and no key");
  for (const line of readFileSync(join(env.HOME, ".aws/config"), "utf8").trim().split("\n"))
    say(paint("2", line));

  step("4. Ask AWS who we are, through tools that have never heard of Leapp");
  for (const profile of ["dev", "prod"]) {
    const sdk = whoami(process.execPath, [join(root, "scripts/whoami.mjs")], profile);
    say(`AWS SDK for JavaScript, AWS_PROFILE=${profile.padEnd(4)}  ${paint("32", sdk)}`);
  }
  if (spawnSync("aws", ["--version"], { env }).status === 0) {
    const cli = whoami("aws", ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"], "prod");
    say(`aws command,            AWS_PROFILE=prod  ${paint("32", cli)}`);
  }

  step("5. How long one answer takes");
  const { id } = JSON.parse(leapp(["session", "show", "prod", "--json"], { quiet: true }));
  const times = [];
  for (let i = 0; i < 50; i++) {
    const begun = process.hrtime.bigint();
    leapp(["session", "generate", id], { quiet: true });
    times.push(Number(process.hrtime.bigint() - begun) / 1e6);
  }
  times.sort((a, b) => a - b);
  say(`leapp session generate: ${times[25].toFixed(1)} ms (median of 50, with the start of the process)`);

  step("6. Stop; the file is as it was");
  leapp(["session", "stop", "dev"]);
  leapp(["session", "stop", "prod"]);

  step("With your own account");
  say("npm run install-local        puts leapp into ~/.local/bin");
  say("leapp session add            asks for what it needs; keys are typed without echo");
  say("leapp session start NAME     then: aws sts get-caller-identity --profile NAME");
  say("leapp help                   all commands; docs/user-guide.md tells more");
}

/** Where there is a display and something that shows a window; the sandbox goes on until it is closed. */
function window({ sso }) {
  const company = ["--alias", "company", "--start-url", sso.startUrl, "--region", sso.region];
  leapp(["integration", "create", ...company], { quiet: true });
  step("The same in a window, with a company to sign in to");
  say(`sign in as ${sso.user}, password ${sso.password}; the tour ends when the window is closed`);
  const opened = leapp(["desktop", "--wait", "--if-possible", "--json"], { quiet: true, mayFail: true });
  if (JSON.parse(opened || "{}").window === "none")
    say("there is no display here, or nothing to open a window with");
}

function leapp(args, { input, quiet = false, mayFail = false } = {}) {
  const shown = args
    .map((arg) => (/^(AKIA|arn:)/.test(arg) ? arg.replace(/^(AKIA.{4}).*/, "$1…") : arg))
    .join(" ");
  if (!quiet) say(`${paint("2", "$")} leapp ${shown}${input ? " < secret" : ""}`);
  const { status, stdout, stderr } = spawnSync("leapp", args, { env, input, encoding: "utf8" });
  if (!quiet) for (const line of (stdout + stderr).split("\n").filter(Boolean)) say(`  ${line}`);
  if (status !== 0 && !mayFail) throw new Error(`leapp ${shown} failed: ${stderr}`);
  return stdout;
}

/** The ARN that AWS answers with; the proof of which credentials a tool really used. */
function whoami(command, args, profile) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    env: { ...env, AWS_PROFILE: profile, AWS_EC2_METADATA_DISABLED: "true" },
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command} got no answer: ${stderr}`);
  return stdout.trim();
}

function firstLine(stream) {
  return new Promise((resolve, reject) => {
    createInterface({ input: stream }).once("line", (line) => resolve(JSON.parse(line)));
    sandbox.once("exit", () => reject(new Error("the sandbox does not start")));
  });
}
