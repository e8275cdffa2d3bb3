import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const scratch = mkdtempSync(join(tmpdir(), "leapp-install-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs `npm run install-local` as a person would, less npm. */
function install(prefix: string, path = "/usr/bin:/bin") {
  const node = spawnSync("node", ["-p", "process.execPath"], { encoding: "utf8" }).stdout.trim();
  const env = { ...process.env, PATH: `${path}:${process.env.PATH}` };
  const args = [join(root, "scripts/install-local.mjs"), "--prefix", prefix];
  return spawnSync(node, args, { encoding: "utf8", env });
}

const built = existsSync(join(root, "dist/leapp"));
describe.if(built || process.env.CI === "true")("install-local", () => {
  test("puts both programs there, says how to undo it, and again over what is there", () => {
    const prefix = join(scratch, "made/bin");
    for (const path of ["/usr/bin", prefix]) {
      const { status, stdout } = install(prefix, path);
      expect(status).toBe(0);
      expect(stdout).toContain(`rm ${prefix}/leapp-core ${prefix}/leapp\n`);
      expect(stdout.includes("is not on your PATH")).toBe(path !== prefix);
      expect(readdirSync(prefix).sort()).toEqual(["leapp", "leapp-core"]);
    }
    const env = { LEAPP_HOME: join(scratch, "home"), PATH: "" };
    expect(spawnSync(join(prefix, "leapp"), ["version"], { encoding: "utf8", env })).toMatchObject({
      status: 0,
      stderr: "",
    });
  });

  test("refuses a folder that a credential_process cannot be run from, or that cannot be written", () => {
    for (const prefix of ["with blank", "quo'te", "dollar$x", "hash#"]) {
      const { status, stderr } = install(join(scratch, prefix));
      expect(status).toBe(1);
      expect(stderr).toContain("choose another folder");
      expect(existsSync(join(scratch, prefix))).toBe(false);
    }
    const plain = join(scratch, "plain");
    writeFileSync(plain, "");
    expect(install(join(plain, "bin"))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("cannot be written"),
    });
  });
});
