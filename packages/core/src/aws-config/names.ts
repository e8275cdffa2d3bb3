/**
 * What profile names, shadowing credentials and commands mean to the tools that read `~/.aws`. The facts come from
 * running the tools; where they disagree, the person is told who is affected.
 */
import { LeappError } from "../errors.ts";
import { otherCredentials } from "./edit.ts";
import { type AwsFileKind, parseAwsFile } from "./parse.ts";

/**
 * Checks the name of a profile.
 * @returns one line for each group of tools that cannot read such a name; none for `[A-Za-z0-9_.@%/-]` up to 64
 * @throws LeappError `invalid` when no tool could read it, or when it would spoil the file for others
 */
export function checkProfileName(name: string): string[] {
  const invalid = (why: string) =>
    new LeappError("invalid", `a profile name cannot ${why}`, {
      hint: 'use a name like "dev" or "team.admin"',
    });
  if (name === "") throw invalid("be empty");
  if (name.trim() !== name) throw invalid("begin or end with a blank");
  // biome-ignore lint: control characters are what is looked for
  if (/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(name))
    throw invalid("hold a control character or a line break");
  if (name.includes("]")) throw invalid("hold ]");
  if (/\p{Surrogate}/u.test(name)) throw invalid("hold half a character");
  if (new TextEncoder().encode(name).length > 255) throw invalid("be longer than 255 bytes");
  // Some readers take the rest of the header for a comment, and our keys for the section above.
  if (/(^|\s)[#;]/.test(name)) throw invalid("begin a word with # or ;");
  // The JavaScript SDKs refuse the whole file when it has this one.
  if (name === "__proto__") throw invalid("be __proto__");

  const notices: string[] = [];
  const shown = JSON.stringify(name);
  if (/[\s"'\\]/.test(name)) {
    notices.push(
      `only boto and the aws cli can read the profile name ${shown}: it has a blank, a quote or a \\`,
    );
  } else if (/[^\w.@+%:/-]/.test(name)) {
    // biome-ignore lint: the range is what "ASCII" means
    const why = /[^\x00-\x7f]/.test(name) ? "is not ASCII" : `has ${/[^\w.@+%:/-]/.exec(name)![0]}`;
    notices.push(
      `javascript, rust, java and c++ (crt) sdks cannot read the profile name ${shown}: it ${why}`,
    );
    if (/[?{}|&~!()^$[#;=]/.test(name)) notices.push(`php and ruby cannot read the profile name ${shown}`);
  } else if (/[+:]/.test(name)) {
    notices.push(`older java sdks cannot read the profile name ${shown}: it has + or :`);
  }
  if (name.length > 64) notices.push("profile names over 64 characters are cut or refused by some tools");
  return notices;
}

/**
 * Who would not get credentials from us although the profile is started: the static keys (or roles, sign-ins) of the
 * same name in the credentials file win in some tools, and keys in the environment win in others.
 * @param env the environment of the person's tools
 * @returns one line per cause, naming the tools; empty when nobody is fooled
 */
export function shadows(
  configBytes: Uint8Array | undefined,
  credentialsBytes: Uint8Array | undefined,
  profile: string,
  env: Record<string, string | undefined>,
): string[] {
  const lines: string[] = [];
  const find = (bytes: Uint8Array | undefined, kind: AwsFileKind, names: string[]) =>
    bytes
      ? parseAwsFile(bytes, kind)
          .sections.filter((section) => section.names.some((name) => names.includes(name)))
          .flatMap((section) => otherCredentials(section))
      : [];

  const held = find(credentialsBytes, "credentials", [profile]);
  if (held.length) {
    const tools = held.includes("static keys")
      ? "boto, the aws cli, javascript, go, terraform, ruby, php, kotlin and c++"
      : "boto, the aws cli, javascript, go, terraform, ruby and c++";
    lines.push(
      `profile ${profile} in the aws credentials file holds ${[...new Set(held)].join(", ")}: ${tools} use that, not leapp`,
    );
  }
  if (find(credentialsBytes, "credentials", [`profile ${profile}`]).length) {
    lines.push(`[profile ${profile}] in the aws credentials file: go v1 and ruby use that, not leapp`);
  }
  // Read as credentials, since there a header is the bare name.
  if (profile !== "default" && find(configBytes, "credentials", [profile]).length) {
    lines.push(`[${profile}] in the aws config file lacks "profile": go v1 and ruby may use that, not leapp`);
  }
  if (env.AWS_ACCESS_KEY_ID) {
    lines.push(
      "AWS_ACCESS_KEY_ID is set: boto, the aws cli, go, terraform, rust, java, kotlin, .net, php, ruby and c++ use it " +
        "with AWS_PROFILE, not leapp (boto, the aws cli, go, terraform and ruby obey --profile)",
    );
  }
  return lines;
}

/**
 * The value of `credential_process` that every consumer runs alike.
 * @param launcherPath absolute path of the launcher, or the bare `leapp` where that name is found on every PATH
 * @throws LeappError `invalid` when no spelling of that path works everywhere
 */
export function credentialProcessCommand(
  launcherPath: string,
  sessionId: string,
  platform: string,
): { value: string } {
  if (!/^[A-Za-z0-9_.-]+$/.test(sessionId)) {
    throw new LeappError("invalid", "a session id cannot hold anything but letters, digits, _ . and -");
  }
  const command = `session generate ${sessionId}`;
  if (launcherPath === "leapp") return { value: `leapp ${command}` };
  const windows = platform === "win32";
  // The tilde is for the short names of Windows, which no shell there expands.
  if (windows ? /^[A-Za-z]:\\[\w.\\~+@-]+$/.test(launcherPath) : /^\/[\w./:=@+-]+$/.test(launcherPath)) {
    return { value: `${launcherPath} ${command}` };
  }
  // Single quotes, and an unquoted last word: the one form with a blank that sh, shlex and Go agree on.
  if (!windows && /^\/[\w./:=@+ -]+$/.test(launcherPath)) return { value: `'${launcherPath}' ${command}` };
  throw new LeappError("invalid", `aws tools cannot run leapp from ${JSON.stringify(launcherPath)}`, {
    hint: windows
      ? "install it in a folder without blanks, such as C:\\ProgramData\\leapp"
      : "install it in a folder of letters, digits and . _ - only: npm run install-local -- --prefix /usr/local/bin",
  });
}
