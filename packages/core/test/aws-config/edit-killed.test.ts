/** An undo is recorded before the file is replaced: it must lead back from the old file and from the new one. */
import { expect, test } from "bun:test";
import { startProfiles, stopProfiles } from "../../src/aws-config/edit.ts";

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

test("an edit that gives up a key", () => {
  const config = Buffer.from("[profile dev]\nregion : eu-west-1\n");
  const keys: [string, string][] = [
    ["credential_process", "leapp session generate s1"],
    ["region", "eu-west-1"],
  ];
  const first = startProfiles(config, "config", [{ profile: "dev", keys }]);
  for (const [kept, expected] of [
    [keys[0]!, "[profile dev]\ncredential_process=leapp session generate s1\nregion : eu-west-1\n"],
    [keys[1]!, "[profile dev]\nregion=eu-west-1\n"],
  ] as const) {
    const entry = { profile: "dev", keys: [kept] };
    const second = startProfiles(first.bytes, "config", [entry], { active: first.undo });
    expect(text(second.bytes)).toBe(expected);
    for (const bytes of [first.bytes, second.bytes])
      expect(text(stopProfiles(bytes, "config", second.undo).bytes)).toBe(text(config)!);
    // The person's line, back in the meantime, is theirs: it is replaced and returned anew.
    const third = startProfiles(second.bytes, "config", [{ profile: "dev", keys }], { active: second.undo });
    expect(text(third.bytes)).toBe(text(first.bytes)!);
    expect(text(stopProfiles(third.bytes, "config", third.undo).bytes)).toBe(text(config)!);
  }
});

test("an edit that puts keys into the stand-in of a parked section", () => {
  const credentials = Buffer.from("[dev]\naws_session_token = theirs\n# end\n");
  const parked = startProfiles(credentials, "credentials", [{ profile: "dev", keys: [] }], { replace: true });
  expect(parked.parked).toHaveLength(1);
  const entry = { profile: "dev", keys: [["aws_session_token", "ours"] as [string, string]] };
  const second = startProfiles(parked.bytes, "credentials", [entry], { active: parked.undo });
  for (const bytes of [parked.bytes, second.bytes]) {
    const stopped = stopProfiles(bytes, "credentials", second.undo, parked.parked);
    expect([text(stopped.bytes), stopped.kept]).toEqual([text(credentials)!, []]);
  }
});
