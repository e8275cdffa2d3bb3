/**
 * Real software as the caller, the built program as its `credential_process`, the sandbox and moto as AWS. Who
 * answered is proved by the ARN that came back: every case has a role session of its own name.
 *
 * The cases are data, in good-cases.ts, failure-cases.ts and editor-cases.ts; what they showed is the table in
 * docs/compatibility.md.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { exitCodes } from "../../packages/core/src/errors.ts";
import { runningIn, until } from "../support/leapp.ts";
import { type Consumer, type ConsumerId, consumerIds, consumerNames, findConsumer } from "./consumers.ts";
import { type EditorCase, editorCases } from "./editor-cases.ts";
import { type FailureCase, failureCases } from "./failure-cases.ts";
import { type GoodCase, goodCases } from "./good-cases.ts";
import {
  type AwsName,
  consume,
  contentOf,
  createPlace,
  distAt,
  motoScene,
  pythonForMoto,
  type Place,
  runsOf,
  type Scene,
  sandboxScene,
} from "./scene.ts";
import { type Row, settle } from "./table.ts";

const inCi = process.env.CI === "true";
const consumers: Consumer[] = [];
for (const id of consumerIds) {
  const found = findConsumer(id);
  if ("id" in found) consumers.push(found);
  else lacking(consumerNames[id], found.missing);
}
const python = pythonForMoto();
if (!python) lacking("moto", "python3 has no moto.server");

/** Seen where the tests are run by hand, a failure where everything has to be there. */
function lacking(name: string, why: string): void {
  if (inCi) test(`${name} is here`, () => Promise.reject(new Error(why)));
  else test.skip(`${name} (${why})`, () => {});
}

const rows: Row[] = [];
function report(row: Omit<Row, "aws"> & { aws: AwsName }): void {
  const known = rows.find(({ number, title }) => number === row.number && title === row.title);
  if (!known) rows.push({ ...row, aws: [row.aws] });
  else {
    expect([known.leapp, known.cells]).toEqual([row.leapp, row.cells]);
    known.aws.push(row.aws);
  }
}

const scenes: Partial<Record<AwsName, Scene>> = {};
beforeAll(async () => {
  scenes.sandbox = await sandboxScene();
  if (python) scenes.moto = await motoScene(python);
}, 60_000);
afterAll(async () => {
  for (const scene of Object.values(scenes)) await scene.stop();
}, 60_000);

/** Runs all of them at once; a consumer without a cell is not concerned. */
async function everyConsumer(
  run: (consumer: Consumer) => Promise<string | undefined>,
): Promise<Row["cells"]> {
  const cells = await Promise.all(
    consumers.map(async (consumer) => [consumer.id, await run(consumer)] as const),
  );
  return Object.fromEntries(cells.filter(([, cell]) => cell !== undefined));
}

const arnOf = (scene: Scene, answers: string) =>
  `arn:aws:sts::${scene.roles.interop.split(":")[4]}:assumed-role/${answers}`;

/** A case's own name on both sides: session, role session, profile, home. */
const names = new Map<string, number>();
function nameOf({ number }: { number: number }, aws: AwsName = "sandbox"): string {
  const nth = (names.get(`${aws} ${number}`) ?? 0) + 1;
  names.set(`${aws} ${number}`, nth);
  return nth === 1 ? `case-${number}` : `case-${number}-${nth}`;
}

async function runGood(one: GoodCase, aws: AwsName): Promise<void> {
  const scene = scenes[aws]!;
  const { leapp } = scene;
  const name = nameOf(one, aws);
  const profile = one.profile ?? name;
  const select = one.select === undefined ? profile : one.select;
  const place = createPlace(leapp, name, one.config);
  const env = { HOME: place.home };
  try {
    const id = await scene.add(name, ["--profile", profile, ...(one.flags ?? [])]);
    await one.before?.(scene, place);
    const before = contentOf(place.config);
    if (one.handwritten) await Bun.write(place.config, one.handwritten(leapp.program, id));
    else await leapp.leapp(["session", "start", id], { env });
    const written = contentOf(place.config)!;
    await one.started?.(scene, place, id);
    const theirs = (contentOf(place.config) ?? written).slice(written.length);

    const wanted = arnOf(scene, one.answers ?? `interop/${name}`);
    const uses = one.uses ?? 1;
    const ask = async (consumer: Consumer) => {
      const all = one.ways?.(place, scene) ?? [{}];
      const ways = all.filter(({ not }) => !not?.[consumer.id]);
      for (const way of ways) {
        const { code, stdout, stderr } = await consume(scene, consumer, place, select, way, `${uses}`);
        const arns = stdout.split("\n").filter((line) => line.startsWith("arn:"));
        const asked = consumer.id === "cli" ? 1 : uses;
        if (code !== 0 || arns.length !== asked || arns.some((arn) => arn !== wanted))
          throw new Error(`${consumerNames[consumer.id]}: exit ${code}\n${stdout}\n${stderr.slice(-2000)}`);
      }
      const missed = all.find((way) => !ways.includes(way))?.not?.[consumer.id];
      return missed ? `✓ (${missed})` : "✓";
    };
    let cells: Row["cells"] = {};
    if (one.runs === undefined) cells = await everyConsumer(ask);
    else {
      // One after the other, so that each one's runs can be counted.
      for (const consumer of consumers) {
        const earlier = await runsOf(leapp, id);
        await ask(consumer);
        const runs = (await runsOf(leapp, id)) - earlier;
        expect(`${consumer.id}: ${runs}`).toBe(`${consumer.id}: ${one.runs}`);
        cells[consumer.id] = `✓ ${runs} run`;
      }
    }

    await one.after?.(scene, place);
    if (!one.handwritten) {
      await leapp.leapp(["session", "stop", id], { env });
      expect(contentOf(place.config)).toBe(theirs ? `${before ?? ""}${theirs}` : before);
    }
    report({ number: one.number, title: one.title, aws, leapp: "answers", cells });
  } catch (error) {
    await one.after?.(scene, place);
    throw error;
  }
}

for (const aws of ["sandbox", ...(python ? ["moto" as const] : [])] as const) {
  describe(`good, AWS is ${aws}`, () => {
    for (const one of goodCases.filter((one) => (one.aws ?? ["sandbox"]).includes(aws)))
      test(`${one.number} ${one.title}`, () => runGood(one, aws), 60_000);
  });
}

describe("good, by hand", () => {
  test("3 the program lies in a folder with a blank", async () => {
    const scene = await sandboxScene({ dist: distAt(join(scenes.sandbox!.leapp.folder, "in a folder")) });
    try {
      const place = createPlace(scene.leapp, "case-3");
      const id = await scene.add("case-3", ["--profile", "case-3"]);
      await scene.leapp.leapp(["session", "start", id], { env: { HOME: place.home } });
      expect(contentOf(place.config)).toContain(
        `credential_process='${scene.leapp.program}' session generate ${id}\n`,
      );
      const cells = await everyConsumer((consumer) => asked(scene, consumer, place, "case-3"));
      report({
        number: 3,
        title: "the program lies in a folder with a blank",
        aws: "sandbox",
        leapp: "answers",
        cells,
      });
    } finally {
      await scene.stop();
    }
  }, 60_000);

  test("28 32 consumers at once make one call to STS", async () => {
    const scene = scenes.sandbox!;
    const place = await entry(scene, "case-28", await scene.add("case-28"));
    const before = scene.sandbox.calls("AssumeRole");
    // Two of each, and the rest of those that take little memory.
    const light = consumers.find(({ id }) => id === "go") ?? consumers[0]!;
    const crowd = [...consumers, ...consumers];
    while (crowd.length < 32) crowd.push(light);
    const all = await Promise.all(crowd.map((consumer) => asked(scene, consumer, place, "case-28")));
    expect(all).toEqual(crowd.map(() => "✓"));
    expect(scene.sandbox.calls("AssumeRole") - before).toBe(1);
    const cells = Object.fromEntries(consumers.map(({ id }) => [id, "✓"]));
    report({
      number: 28,
      title: "32 consumers at once make one call to STS",
      aws: "sandbox",
      leapp: "answers",
      cells,
    });
  }, 60_000);

  test("29 a consumer that lives on when its credentials end gets new ones", async () => {
    const scene = scenes.sandbox!;
    // Wrapped, since AWS itself hands out nothing that ends within seconds.
    const source = await shortLived(scene);
    const cells = await everyConsumer(async (consumer) => {
      // The AWS CLI lives for one command.
      if (consumer.id === "cli") return undefined;
      const name = `case-29-${consumer.id}`;
      const id = await scene.add(name, ["--type", "process", "--command", source]);
      const place = await entry(scene, name, id);
      const { code, stdout, stderr } = await consume(scene, consumer, place, name, {}, "change");
      const [first, second] = stdout.trim().split("\n");
      expect({ code, first, second, stderr: code === 0 ? "" : stderr }).toEqual({
        code: 0,
        first: expect.stringMatching(/assumed-role\/interop\/life-\d+$/),
        second: expect.stringMatching(/assumed-role\/interop\/life-\d+$/),
        stderr: "",
      });
      expect(second).not.toBe(first);
      return "✓";
    });
    report({
      number: 29,
      title: "a consumer outlives its credentials and gets new ones",
      aws: "sandbox",
      leapp: "answers",
      cells,
    });
  }, 60_000);
});

/** A profile that the person wrote, for a session that is not started. */
async function entry(scene: Scene, profile: string, id: string): Promise<Place> {
  const { program } = scene.leapp;
  const line = `credential_process = ${program} session generate ${id}`;
  return createPlace(scene.leapp, profile, `[profile ${profile}]\n${line}\nregion = eu-west-1\n`);
}

/** ✓ when the consumer is answered by the role session of that name. */
async function asked(scene: Scene, consumer: Consumer, place: Place, name: string): Promise<string> {
  const { code, stdout, stderr } = await consume(scene, consumer, place, name);
  if (code !== 0 || stdout.trim() !== arnOf(scene, `interop/${name}`))
    throw new Error(`${consumerNames[consumer.id]}: exit ${code}\n${stdout}\n${stderr.slice(-2000)}`);
  return "✓";
}

/** A credential_process whose credentials end 8 s later, each time of another role session. */
async function shortLived(scene: Scene): Promise<string> {
  const { leapp } = scene;
  const lives = Array.from({ length: 8 }, (_, i) => `life-${i}`);
  for (const name of lives) await scene.add(name);
  const script = [
    `life=$(($(wc -l <"$0.count") % ${lives.length}))`,
    'echo >>"$0.count"',
    "end=$(date -u -d '+8 seconds' +%Y-%m-%dT%H:%M:%SZ)",
    `${leapp.program} session generate life-$life | sed 's/Expiration.:.[^,]*,/Expiration":"'"$end"'",/'`,
    "",
  ];
  const file = join(leapp.folder, "short-lived.sh");
  await Bun.write(file, script.join("\n"));
  await Bun.write(`${file}.count`, "");
  return `/bin/sh ${file}`;
}

async function runFailure(one: FailureCase): Promise<void> {
  const scene = scenes.sandbox!;
  const { leapp } = scene;
  const name = nameOf(one);
  const id = one.add ? await one.add(scene, name) : await scene.add(name);
  const place = await entry(scene, name, id);
  const mend = await one.spoil?.(scene);
  const code = exitCodes[one.code];
  try {
    const env = one.env?.(scene) ?? {};
    const started = performance.now();
    const byHand = await leapp.run([leapp.program, "session", "generate", id], { env });
    const took = performance.now() - started;
    expect(byHand).toMatchObject({ code, stdout: "" });
    expect(byHand.stderr).toMatch(/^leapp: [^\n]+\n$/);
    expect(byHand.stderr).toMatch(one.says);
    expect(Buffer.byteLength(byHand.stderr)).toBeLessThanOrEqual(500);
    expect(took).toBeLessThan(one.within ?? 4_000);

    const cells = await everyConsumer(async (consumer) => {
      const ran = await consume(scene, consumer, place, name, { env });
      expect(ran.code).not.toBe(0);
      expect(ran.stdout).not.toContain("arn:");
      // Not word for word: of two deadlines now one is first, now the other.
      return one.says.test(/leapp: .*/.exec(ran.stderr)?.[0] ?? "") ? "the line" : "nothing";
    });
    await until(() => runningIn(id).length === 0, "nobody of this case runs any more");
    report({ number: one.number, title: one.title, aws: "sandbox", leapp: `exit ${code}`, cells });
  } finally {
    await mend?.();
  }
}

describe("failures", () => {
  for (const one of failureCases) test(`${one.number} ${one.title}`, () => runFailure(one), 60_000);

  test("39 an unknown profile: nobody runs us", async () => {
    const scene = scenes.sandbox!;
    const place = createPlace(scene.leapp, "case-39-profile", "[profile other]\nregion = eu-west-1\n");
    const cells = await everyConsumer(async (consumer) => {
      const { code, stdout } = await consume(scene, consumer, place, "nobody");
      expect(code).not.toBe(0);
      expect(stdout).not.toContain("arn:");
      return "its own error";
    });
    report({ number: 39, title: "an unknown profile", aws: "sandbox", leapp: "not asked", cells });
  }, 60_000);

  test("41 a consumer that is ended leaves no process", async () => {
    const scene = scenes.sandbox!;
    for (const action of ["AssumeRole", "GetSessionToken"])
      scene.sandbox.fail({ action, kind: "hang", times: 10_000 });
    try {
      const cells = await everyConsumer(async (consumer) => {
        const name = `case-41-${consumer.id}`;
        const id = await scene.add(name);
        const place = await entry(scene, name, id);
        const child = Bun.spawn(consumer.command("1"), {
          env: { ...scene.leapp.env, HOME: place.home, AWS_PROFILE: name },
          stdio: ["ignore", "ignore", "ignore"],
        });
        await until(() => runningIn(id).length > 0, "the consumer runs us");
        child.kill("SIGTERM");
        await child.exited;
        await until(() => runningIn(id).length === 0, "nobody of this case runs any more", 5_000);
        return "✓";
      });
      report({
        number: 41,
        title: "a consumer that is ended leaves no process",
        aws: "sandbox",
        leapp: "ends",
        cells,
      });
    } finally {
      scene.sandbox.reset();
    }
  }, 60_000);

  test("45 stdout is closed early", async () => {
    const { leapp, add } = scenes.sandbox!;
    const id = await add("case-45");
    const nobodyReads = 'mkfifo pipe && exec 3<>pipe 4>pipe 3<&- && exec "$@" >&4 4>&-';
    for (const through of ['exec "$@" >&-', 'exec "$@" >/dev/full', nobodyReads]) {
      const command = ["/bin/sh", "-c", through, "sh", leapp.program, "session", "generate", id];
      const { code, stderr } = await leapp.run(command);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/^(leapp: [^\n]*\n)?$/);
    }
    report({ number: 45, title: "stdout is closed early", aws: "sandbox", leapp: "exit ≠ 0", cells: {} });
  });
});

const spoken: Record<ConsumerId, RegExp> = {
  cli: /aws cli/,
  boto: /boto/,
  js: /javascript/,
  go: /\bgo\b/,
  java: /\bjava\b/,
};

async function runEdit(one: EditorCase): Promise<void> {
  const scene = scenes.sandbox!;
  const { leapp } = scene;
  const name = nameOf(one);
  const profile = one.profile ?? "case";
  const place = createPlace(leapp, name, Buffer.from(one.config, "latin1"), one.credentials);
  if (one.mode) chmodSync(place.config, one.mode);
  const id = await scene.add(name, ["--profile", profile]);
  const same = () => {
    expect(contentOf(place.config)).toBe(one.config);
    expect(contentOf(place.credentials)).toBe(one.credentials);
  };
  const env = { HOME: place.home };
  const replace = one.replace ? ["--replace"] : [];
  const start = await leapp.run([leapp.program, "session", "start", id, ...replace], { env });
  expect(start.stderr).toMatch(one.says ?? /^$/);
  expect(start.code).toBe(one.refused ?? 0);
  let cells: Row["cells"] = {};
  if (one.refused) same();
  else {
    cells = await everyConsumer(async (consumer) => {
      const { code, stdout, stderr } = await consume(scene, consumer, place, profile);
      if (one.blind?.includes(consumer.id)) {
        expect({ id: consumer.id, code }).not.toMatchObject({ code: 0 });
        expect(start.stderr).toMatch(spoken[consumer.id]);
        return "✗ said";
      }
      if (code !== 0 || stdout.trim() !== arnOf(scene, `interop/${name}`))
        throw new Error(`${consumerNames[consumer.id]}: exit ${code}\n${stdout}\n${stderr.slice(-2000)}`);
      return "✓";
    });
    await leapp.leapp(["session", "stop", id], { env });
    same();
  }
  const leappDoes = one.refused
    ? `refuses, exit ${one.refused}`
    : one.says
      ? "writes, and says so"
      : "writes";
  report({ number: one.number, title: one.title, aws: "sandbox", leapp: leappDoes, cells });
}

describe("config files", () => {
  for (const one of editorCases) test(`${one.number} ${one.title}`, () => runEdit(one), 60_000);
});

test("the table in docs/compatibility.md says so", () => {
  settle(rows, consumers, python);
});
