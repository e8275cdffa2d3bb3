/**
 * The programs that run us: each is a small probe around real software, all with the same arguments. `probe N` asks
 * STS N times with one client who it is, `probe change` until another identity answers. One ARN a line.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export const consumerNames = {
  cli: "AWS CLI v1",
  boto: "boto3",
  js: "JavaScript v3",
  go: "Go v2",
  java: "Java v2",
} as const;
export type ConsumerId = keyof typeof consumerNames;
export const consumerIds = Object.keys(consumerNames) as ConsumerId[];

export interface Consumer {
  id: ConsumerId;
  /** Absolute path and arguments; the AWS CLI asks once however often it is told to. */
  command(uses: string): string[];
  version(): string;
}

const probes = join(import.meta.dirname, "probes");
/** Built once, outside of the clone. */
const cache = process.env.LEAPP_TEST_CACHE ?? join(homedir(), ".cache", "leapp-tests");

/** A consumer, or why it is not here. Builds it where it has to be built. */
export function findConsumer(id: ConsumerId): Consumer | { missing: string } {
  try {
    return find(id);
  } catch (error) {
    // Its libraries are fetched once; without a network there is nothing to build with.
    return { missing: (error as Error).message };
  }
}

function find(id: ConsumerId): Consumer | { missing: string } {
  switch (id) {
    case "cli": {
      const python = pythonWith("awscli");
      const version = /^aws-cli\/(1\.\S+)/.exec(
        ran(python ?? "false", ["-m", "awscli", "--version"]) ?? "",
      )?.[1];
      if (!python || !version) return { missing: "python3 has no awscli 1" };
      const who = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"];
      return { id, command: () => [python, "-m", "awscli", ...who], version: () => `AWS CLI ${version}` };
    }
    case "boto": {
      const python = pythonWith("boto3");
      if (!python) return { missing: "python3 has no boto3" };
      const version = () => `boto3 ${ran(python, ["-c", "import boto3; print(boto3.__version__)"])?.trim()}`;
      return { id, command: (uses) => [python, join(probes, "python.py"), uses], version };
    }
    case "js": {
      const node = Bun.which("node");
      if (!node) return { missing: "there is no node" };
      const version = () => {
        const sdk = Bun.resolveSync("@aws-sdk/client-sts/package.json", probes);
        const { version } = JSON.parse(readFileSync(sdk, "utf8"));
        return `AWS SDK for JavaScript ${version} on Node ${ran(node, ["--version"])?.trim()}`;
      };
      return { id, command: (uses) => [node, join(probes, "node.mjs"), uses], version };
    }
    case "go": {
      const go = Bun.which("go");
      if (!go) return { missing: "there is no go" };
      const folder = build("go", ["main.go", "go.mod", "go.sum"], (source, target) =>
        mustRun(go, ["build", "-o", join(target, "probe"), "."], source),
      );
      const version = () => `AWS SDK for Go v2 config ${pinned("go/go.mod", /config (v\S+)/)}`;
      return { id, command: (uses) => [join(folder, "probe"), uses], version };
    }
    case "java": {
      const [java, javac, mvn] = ["java", "javac", "mvn"].map((name) => Bun.which(name));
      if (!java || !javac || !mvn) return { missing: "java, javac and mvn are not all there" };
      const folder = build("java", ["Probe.java", "pom.xml"], (source, target) => {
        const copy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
        const where = `-DoutputDirectory=${join(target, "lib")}`;
        mustRun(mvn, ["-B", "-q", "-f", "pom.xml", copy, "-DincludeScope=runtime", where], source);
        mustRun(javac, ["-d", target, "-cp", join(target, "lib", "*"), "Probe.java"], source);
      });
      // A virtual machine of its own for every case, so started as cheaply as it goes.
      const options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
      const path = `${folder}:${join(folder, "lib", "*")}`;
      const version = () => `AWS SDK for Java ${pinned("java/pom.xml", /<version>(2\.[^<]+)/)}`;
      return { id, command: (uses) => [java, ...options, "-cp", path, "Probe", uses], version };
    }
  }
}

const pinned = (file: string, version: RegExp) => version.exec(readFileSync(join(probes, file), "utf8"))?.[1];

/** The interpreter itself, not a shim that needs HOME and PATH; undefined when it cannot import `module`. */
export function pythonWith(module: string): string | undefined {
  return ran("python3", ["-c", `import ${module}, sys; print(sys.executable)`])?.trim();
}

function ran(command: string, args: string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 ? stdout + stderr : undefined;
}

/** A folder named after what is in its sources; made once, and whole or not at all. */
function build(name: string, sources: string[], make: (source: string, target: string) => void): string {
  const source = join(probes, name);
  const digest = createHash("sha256");
  for (const file of sources) digest.update(readFileSync(join(source, file)));
  const target = join(cache, `${name}-${digest.digest("hex").slice(0, 16)}`);
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(join(cache, "building-"));
  try {
    make(source, partial);
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

function mustRun(command: string, args: string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed:\n${stdout}${stderr}`.slice(0, 600));
}
