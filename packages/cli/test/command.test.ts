import { describe, expect, test } from "bun:test";
import { LeappError } from "../../core/src/errors.ts";
import { type Command, command, kebab, nearest, parse, spellings } from "../src/command.ts";
import { commands } from "../src/commands/index.ts";
import { complete } from "../src/complete.ts";

function parsed(...args: string[]) {
  const found = parse(commands, args);
  if ("group" in found) throw new Error("a group, no command");
  return found;
}

function failure(...args: string[]): string {
  try {
    parse(commands, args);
  } catch (error) {
    expect(error).toBeInstanceOf(LeappError);
    expect((error as LeappError).exitCode).toBe(2);
    return (error as LeappError).line;
  }
  throw new Error("no failure");
}

describe("parsing", () => {
  test("new and old spellings of a flag are one flag", () => {
    const old = parsed("session", "add", "--sessionName", "a", "--accessKey", "K", "--profileId", "p");
    const own = parsed("session", "add", "--name", "a", "--access-key-id", "K", "--profile", "p");
    expect(old.flags).toEqual(own.flags);
    expect(own.flags).toMatchObject({ name: "a", accessKeyId: "K", profile: ["p"] });
  });

  test("every flag of the old product's commands is known", () => {
    const old: Record<string, string> = {
      "session list": "-x --columns=c --csv --filter=a=b --no-header --no-truncate --output=csv --sort=name",
      "session add":
        "--providerType=aws --sessionType=awsIamUser --sessionName=a --region=r --profileId=p --roleArn=a --idpArn=a --idpUrl=u --parentSessionId=p --roleSessionName=n --accessKey=k --secretKey=s --mfaDevice=m",
      "session start": "--sessionId=i --sessionRole=r --noInteractive",
      "session stop": "--sessionId=i --sessionRole=r --noInteractive",
      "session current": "-i -p default -r aws -f alias --inline --profile=p --provider=aws --format=id",
      "session get-id": "",
      "session change-profile": "--sessionId=i --profileId=p",
      "session change-region": "--sessionId=i --region=r",
      "session delete": "--sessionId=i -f",
      "profile create": "--profileName=p",
      "profile edit": "--profileId=p --profileName=n",
      "profile delete": "--profileId=p -f",
      "profile list": "-x --columns=c --csv --filter=a=b --no-header --no-truncate --output=csv --sort=name",
      "region get-default": "",
      "region set-default": "--region=r",
      "session open-web-console": "--sessionId=i -p --print",
      "integration create":
        "--integrationType=AWS-SSO --integrationAlias=a --integrationPortalUrl=u --integrationRegion=r",
      "integration list":
        "-x --columns=c --csv --filter=a=b --no-header --no-truncate --output=csv --sort=name",
      "integration login": "--integrationId=i",
      "integration sync": "--integrationId=i",
      "integration logout": "--integrationId=i",
      "integration delete": "--integrationId=i",
      "idp-url create": "--idpUrl=u",
      "idp-url edit": "--idpUrlId=i --idpUrl=u",
      "idp-url delete": "--idpUrlId=i -f",
      "idp-url list": "-x",
      version: "",
    };
    for (const [name, flags] of Object.entries(old)) {
      for (const flag of flags.split(/ (?=-)/).filter(Boolean)) {
        expect(parsed(...name.split(" "), ...flag.split(" ")).command.name).toBe(name);
      }
    }
  });

  test("universal switches may stand before the command, and values may look like flags when joined by =", () => {
    expect(parsed("--json", "session", "list").universal.json).toBe(true);
    expect(parsed("session", "list", "--filter=--x=y").flags["filter"]).toEqual(["--x=y"]);
    expect(parsed("session", "list", "--sort", "-name").flags["sort"]).toBe("-name");
  });

  test("negatable switches", () => {
    expect(parsed("session", "edit", "a", "--production").flags["production"]).toBe(true);
    expect(parsed("session", "edit", "a", "--no-production").flags["production"]).toBe(false);
    expect(parsed("session", "edit", "a").flags["production"]).toBeUndefined();
  });

  test("after -- everything is an argument", () => {
    expect(parsed("session", "show", "--", "--odd-name").args["session"]).toBe("--odd-name");
  });

  test.each([
    ["sesion list", 'no command "sesion"; did you mean "session"? run: leapp help'],
    ["session strat", 'no command "session strat"; did you mean "session start"? run: leapp session --help'],
    ["zzz", 'no command "zzz"; run: leapp help'],
    [
      "session list --filtr a=b",
      'no flag "--filtr"; did you mean "--filter"? run: leapp session list --help',
    ],
    ["session list -z", 'no flag "-z"; run: leapp session list --help'],
    ["session start --profile", "--profile needs a value: NAME; run: leapp session start --help"],
    ["session start --profile --json", "--profile needs a value: NAME; run: leapp session start --help"],
    ["session start --replace=yes", "--replace takes no value; run: leapp session start --help"],
    ["session add --name a --sessionName b", "--sessionName is given twice; run: leapp session add --help"],
    ["session show a b", '"b" is one argument too many for "session show"; run: leapp session show --help'],
    ["settings get", '"settings get" needs KEY; run: leapp settings get --help'],
    ["--sho", "no flag --sho here; run: leapp help"],
  ])("leapp %s", (line, message) => {
    expect(failure(...line.split(" "))).toBe(message);
  });

  test("a group alone asks for help, and so does nothing", () => {
    expect(parse(commands, ["session"])).toEqual({ group: "session" });
    expect(parse(commands, ["session", "--help"])).toEqual({ group: "session" });
    expect(parse(commands, [])).toEqual({ group: undefined });
  });
});

describe("the table", () => {
  test("no two flags of a command share a spelling, and no flag hides a universal one", () => {
    const universal = ["json", "no-interactive", "noInteractive", "debug", "help"];
    for (const one of commands) {
      const names = Object.entries(one.flags).flatMap(([key, flag]) => spellings(key, flag));
      expect([...names, ...universal].sort()).toEqual([...new Set([...names, ...universal])].sort());
      const shorts = Object.values(one.flags).flatMap((flag) => (flag.short ? [flag.short] : []));
      expect(shorts).toEqual([...new Set(shorts)]);
    }
  });

  test("summaries are one lower-case line without a full stop; names are unique", () => {
    for (const one of commands) expect(one.summary).toMatch(/^[a-z`][^\n]*[^.\n]$/);
    const names = commands.flatMap((one) => [one.name, ...(one.also ?? [])]);
    expect(names).toEqual([...new Set(names)]);
  });

  test("examples parse", () => {
    for (const one of commands) {
      for (const [line] of one.examples ?? []) {
        if (!line.startsWith("leapp ")) continue;
        const args = line
          .slice(6)
          .replace(/ <.*$/, "")
          .split(" ")
          .map((word) => (word === "''" ? "" : word));
        expect(parsed(...args).command.name).toBe(one.name);
      }
    }
  });

  test("flag types follow the definition", async () => {
    const seen: unknown[] = [];
    const one: Command = command({
      name: "one",
      summary: "one",
      args: { first: { help: "", required: true }, second: { help: "" } },
      flags: {
        many: { value: "X", repeat: true, help: "" },
        single: { value: "X", help: "" },
        on: { help: "" },
      },
      async run(_context, { flags, args }) {
        const many: string[] = flags.many;
        const single: string | undefined = flags.single;
        const on: boolean | undefined = flags.on;
        const first: string = args.first;
        seen.push({ many, single, on, first, second: args.second });
        return { json: null, text: "" };
      },
    });
    const found = parse([one], ["one", "a", "--many", "1", "--many=2", "--on"]);
    if ("group" in found) throw new Error("not parsed");
    await found.command.run({} as never, found as never);
    expect(seen).toEqual([{ many: ["1", "2"], single: undefined, on: true, first: "a", second: undefined }]);
  });
});

describe("spelling", () => {
  test("kebab", () => expect(kebab("secretAccessKeyFd")).toBe("secret-access-key-fd"));
  test.each([
    ["strat", "start"],
    ["lst", "list"],
    ["gen", "generate"],
    ["xyz", undefined],
  ])("%s", (typed, wanted) => {
    expect(nearest(typed, ["start", "stop", "list", "generate"])).toBe(wanted as string);
  });
});

describe("completion", () => {
  const offered = (...words: string[]) => complete(commands, words);
  test.each([
    [["sess"], ["session"]],
    [["session", "sta"], ["start"]],
    [
      ["vault", ""],
      ["status", "unlock", "lock", "change-passphrase", "use-keychain"],
    ],
    [["session", "start", "--re"], ["--replace"]],
    [
      ["session", "list", "--output", ""],
      ["csv", "json", "yaml"],
    ],
    [
      ["session", "edit", "x", "--no-p"],
      ["--no-production", "--no-pinned"],
    ],
    [["completion", "f"], ["fish"]],
    [["__comp"], []],
  ])("%j", (words, wanted) => expect(offered(...words).words).toEqual(wanted));

  test("names come from the agent", () => {
    expect(offered("session", "start", "")).toEqual({ words: [], lookUp: "session" });
    expect(offered("session", "start", "--profile", "x", "")).toEqual({ words: [], lookUp: "session" });
    expect(offered("session", "start", "--profile", "")).toEqual({ words: [], lookUp: "profile" });
    expect(offered("session", "add", "--profileId", "")).toEqual({ words: [], lookUp: "profile" });
    expect(offered("session", "show", "a", "").lookUp).toBeUndefined();
    expect(offered("region", "set-default", "eu")).toEqual({ words: [], lookUp: "region" });
  });

  test("hidden and old flags are not offered", () => {
    const { words } = offered("session", "add", "--");
    expect(words).toContain("--secret-access-key-stdin");
    expect(words).not.toContain("--secret-key");
    expect(words).not.toContain("--sessionName");
  });
});
