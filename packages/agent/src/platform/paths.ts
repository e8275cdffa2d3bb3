/** Where things are. The rule for the socket is also written in C, in launcher/launcher.c. */
import { chmodSync, lstatSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { LeappError } from "../../../core/src/errors.ts";
import type { Paths } from "../../../core/src/ports.ts";

type Environment = Record<string, string | undefined>;

/** macOS allows 103 bytes in the path of a socket, Linux 107. */
const maxSocketPath = 100;

/**
 * Everything Leapp reads and writes, as absolute paths. LEAPP_HOME decides; without it the platform's own
 * folder for application data. A relative path hangs below the current folder.
 * @throws LeappError `invalid` when a Windows account has no LOCALAPPDATA and no USERPROFILE.
 */
export function resolvePaths(env: Environment, platform: NodeJS.Platform = process.platform): Paths {
  const home = leappHome(env, platform);
  const aws = (variable: string, name: string) => {
    const given = env[variable];
    if (!given) return join(personHome(env, platform), ".aws", name);
    if (given !== "~" && !/^~[/\\]/.test(given)) return absolute(given, platform);
    return join(personHome(env, platform), given.slice(1));
  };
  return {
    home,
    stateFile: join(home, "state.db"),
    vaultFile: join(home, "vault.db"),
    logFile: join(home, "agent.log"),
    socket: socketPath(home, platform),
    awsConfig: aws("AWS_CONFIG_FILE", "config"),
    awsCredentials: aws("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
  };
}

/**
 * Makes the home folder and the socket's, mode 0700.
 * @throws LeappError `file` when that fails or when one of them belongs to, or can be written by, somebody else.
 */
export function ensureHome(paths: Paths): void {
  const folders = [paths.home];
  if (process.platform !== "win32" && dirname(paths.socket) !== paths.home)
    folders.push(dirname(paths.socket));
  for (const folder of folders) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (process.platform !== "win32") makePrivate(folder === paths.home ? realpathSync(folder) : folder);
    } catch (cause) {
      if (cause instanceof LeappError) throw cause;
      throw new LeappError("file", `the folder ${folder} cannot be made`, { hint, cause });
    }
  }
}

const hint = "set LEAPP_HOME to a folder of yours";

function makePrivate(folder: string): void {
  const found = lstatSync(folder);
  if (!found.isDirectory()) throw new LeappError("file", `${folder} is not a folder`, { hint });
  if (found.uid !== process.geteuid?.()) {
    throw new LeappError("file", `the folder ${folder} belongs to another user`, { hint });
  }
  // What others could have written is not ours to trust; what they could only see we close.
  if (found.mode & 0o022)
    throw new LeappError("file", `other users can write in the folder ${folder}`, { hint });
  if (found.mode & 0o055) chmodSync(folder, 0o700);
}

function leappHome(env: Environment, platform: NodeJS.Platform): string {
  if (env.LEAPP_HOME) return absolute(env.LEAPP_HOME, platform);
  if (platform === "win32") {
    const data = env.LOCALAPPDATA || (env.USERPROFILE && `${env.USERPROFILE}\\AppData\\Local`);
    if (data) return absolute(`${data}\\leapp`, platform);
    throw new LeappError("invalid", "this account has no folder for application data", { hint });
  }
  if (platform === "darwin") {
    return absolute(`${personHome(env, platform)}/Library/Application Support/leapp`, platform);
  }
  // https://specifications.freedesktop.org/basedir-spec/: a relative path is to be ignored.
  if (env.XDG_DATA_HOME?.startsWith("/")) return absolute(`${env.XDG_DATA_HOME}/leapp`, platform);
  return absolute(`${personHome(env, platform)}/.local/share/leapp`, platform);
}

export function personHome(env: Environment, platform: NodeJS.Platform = process.platform): string {
  if (platform === "win32") return env.USERPROFILE || homedir();
  return env.HOME || passwdEntry()?.home || homedir();
}

/** Name and home folder in /etc/passwd. The os module cannot be asked: it believes USER and HOME. */
export function passwdEntry(): { name: string; home: string } | undefined {
  const uid = String(process.geteuid?.());
  try {
    for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
      const fields = line.split(":");
      if (fields[2] === uid) return { name: fields[0] ?? "", home: fields[5] ?? "" };
    }
  } catch {
    // No such file, as in an empty container: the caller asks the system otherwise.
  }
  return undefined;
}

/** Byte for byte what the launcher does, so that both name one socket: no other tidying than the last slashes. */
function absolute(path: string, platform: NodeJS.Platform): string {
  if (platform === "win32") return /^([A-Za-z]:)?[/\\]/.test(path) ? path : `${process.cwd()}\\${path}`;
  const whole = path.startsWith("/") ? path : `${process.cwd()}/${path}`;
  return whole.replace(/(?<=.)\/+$/, "");
}

function socketPath(home: string, platform: NodeJS.Platform): string {
  if (platform === "win32") {
    const name = new Bun.CryptoHasher("sha256").update(home.toLowerCase()).digest("hex").slice(0, 32);
    return `\\\\.\\pipe\\leapp-${name}`;
  }
  const inHome = `${home}/agent.sock`;
  if (Buffer.byteLength(inHome) <= maxSocketPath) return inHome;
  return `/tmp/leapp-${process.geteuid?.()}/${fnv1a64(home).toString(16).padStart(16, "0")}.sock`;
}

/** FNV-1a, 64 bits, over UTF-8; http://www.isthe.com/chongo/tech/comp/fnv/ */
function fnv1a64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}
