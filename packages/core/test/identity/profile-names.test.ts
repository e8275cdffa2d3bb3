import { describe, expect, test } from "bun:test";
import { LeappError } from "../../src/errors.ts";
import { fillTemplate, profileName, profileNames } from "../../src/identity/profile-names.ts";

const parts = { account: "Acme Prod", accountId: "111122223333", role: "Admin", alias: "acme" };

describe("profileName", () => {
  const table: [string, Partial<typeof parts> & { email?: string }, string][] = [
    ["{account}-{role}", {}, "Acme-Prod-Admin"],
    ["{alias}/{accountId}.{role}", {}, "acme/111122223333.Admin"],
    ["{account}-{role}", { account: "Café  (Zürich)" }, "Cafe-Zurich-Admin"],
    ["{account}-{role}", { account: "本番" }, "111122223333-Admin"],
    ["{account}-{role}", { account: "a]b\n[c\"'$`d" }, "a-b-c-d-Admin"],
    ["{account}", { account: "--x--" }, "x"],
    ["{account}-{email}", { email: "ops@acme.example" }, "Acme-Prod-ops-acme.example"],
    ["{account}-{email}", {}, "Acme-Prod"],
    ["{account} {role}", {}, "Acme-Prod-Admin"],
    ["{account}", { account: "x".repeat(200) }, "x".repeat(64)],
  ];
  for (const [template, change, expected] of table) {
    test(`${template} of ${JSON.stringify(change)}`, () => {
      expect(profileName(template)({ ...parts, ...change })).toBe(expected);
    });
  }

  test("rules", () => {
    expect(profileName("{account}-{role}", { separator: "_", lowerCase: true })(parts)).toBe(
      "acme_prod-admin",
    );
  });

  test("whatever the parts, every sdk reads the name", () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const word = () =>
      String.fromCodePoint(
        ...Array.from({ length: random(12) }, () => [32, 45, 65, 93, 233, 0x65e5, 10, 0x1f600][random(8)]!),
      );
    const name = profileName("{account}-{role}");
    for (let i = 0; i < 2000; i += 1) {
      const given = { ...parts, account: word(), role: word() };
      expect(name(given)).toMatch(/^[A-Za-z0-9_.-]{1,64}$/);
    }
  });
});

test("templates that cannot work are refused", () => {
  for (const template of ["", "fixed", "{acount}", "{account", "}{", "{account}}", "{}"]) {
    expect(() => fillTemplate(template), template).toThrow(LeappError);
  }
});

describe("profileNames", () => {
  test("clashes are told apart by account, then by number, and shown", () => {
    const items = [
      parts,
      { ...parts, accountId: "444455556666" },
      { ...parts, account: "acme prod", accountId: "777788889999" },
      { ...parts, role: "Read" },
    ];
    expect(
      profileNames("{account}", items, { taken: ["ACME-PROD"] }).map((one) => [one.profile, one.clash]),
    ).toEqual([
      ["Acme-Prod-111122223333", "Acme-Prod"],
      ["Acme-Prod-444455556666", "Acme-Prod"],
      ["acme-prod-777788889999", "acme-prod"],
      ["Acme-Prod-111122223333-2", "Acme-Prod"],
    ]);
  });

  test("ten thousand of them at once", () => {
    const items = Array.from({ length: 10_000 }, (_, i) => ({
      ...parts,
      accountId: String(100_000_000_000 + Math.floor(i / 5)),
      role: `Role${i % 5}`,
    }));
    const names = profileNames("{role}", items).map((one) => one.profile);
    expect(new Set(names).size).toBe(10_000);
  });
});
