/** Config files as people have them: a start writes what every consumer reads, or refuses and changes nothing. */
import type { ConsumerId } from "./consumers.ts";

export interface EditorCase {
  number: number;
  title: string;
  config: string;
  credentials?: string;
  /** `case` when absent. */
  profile?: string;
  replace?: true;
  mode?: number;
  /** The exit code of a refusal; absent: it is written. */
  refused?: number;
  /** What leapp says of it, on stderr. */
  says?: RegExp;
  /** Who cannot read the profile; `says` has told. */
  blind?: ConsumerId[];
}

const bom = "\u00ef\u00bb\u00bf";
const lines = (...all: string[]) => all.map((line) => `${line}\n`).join("");
const foreign = (...keys: string[]) => lines("[profile case]", ...keys, "output = json");
const staticKeys = (name: string) =>
  lines(`[${name}]`, "aws_access_key_id = static", "aws_secret_access_key = static");
const large = `[profile other]\nregion = us-east-1\n${`# ${"x".repeat(997)}\n`.repeat(10_500)}`;

/** Latin-1 text, one character a byte. */
export const editorCases: EditorCase[] = [
  {
    number: 61,
    title: "a byte order mark",
    config: `${bom}[profile other]\nregion = us-east-1\n`,
    says: /byte order mark/,
    blind: ["cli", "boto", "java"],
  },
  {
    number: 62,
    title: "the profile's section twice",
    config: lines("[profile case]", "output = json", "[profile case]", "output = text"),
    refused: 31,
    says: /more than once, in lines 1 and 3/,
  },
  {
    number: 62,
    title: "another section twice",
    config: lines("[profile other]", "output = json", "[profile other]", "output = text"),
    says: /twice \(line 3\)/,
    blind: ["cli", "boto"],
  },
  {
    number: 63,
    title: "a key twice in the profile",
    config: foreign("output = text"),
    refused: 31,
    says: /twice.*mend line 3/,
  },
  {
    number: 63,
    title: "a key twice in another profile",
    config: lines("[profile other]", "output = json", "output = text"),
    says: /twice.*\(line 3\)/,
    blind: ["cli", "boto"],
  },
  {
    number: 64,
    title: "an indented key",
    config: lines("[profile case]", "  output = json"),
    says: /indented/,
    blind: ["java"],
  },
  {
    number: 65,
    title: "a comment behind a value",
    config: lines("[profile case] # mine", "output = json # mine"),
  },
  {
    number: 66,
    title: "the whole credential_process in quotes",
    config: foreign('credential_process = "/opt/other tool/other"'),
    refused: 4,
    says: /another credential_process; use --replace/,
  },
  {
    number: 66,
    title: "the whole credential_process in quotes, --replace",
    config: foreign('credential_process = "/opt/other tool/other"'),
    replace: true,
  },
  {
    number: 67,
    title: "[default] and [profile default]",
    config: lines("[default]", "output = json", "[profile default]", "output = text"),
    profile: "default",
    says: /both there/,
  },
  {
    number: 68,
    title: "static keys of that name in the credentials file",
    config: "",
    credentials: staticKeys("case"),
    says: /static keys/,
    blind: ["cli", "boto", "js", "go"],
  },
  {
    number: 68,
    title: "static keys of that name in the credentials file, --replace",
    config: "",
    credentials: staticKeys("case"),
    replace: true,
  },
  {
    number: 69,
    title: "sso_* in the profile",
    config: foreign("sso_session = x", "sso_account_id = 111122223333", "sso_role_name = r"),
    refused: 4,
    says: /sso_.*use --replace/,
  },
  {
    number: 69,
    title: "role_arn in the profile",
    config: foreign("role_arn = arn:aws:iam::111122223333:role/x", "source_profile = other"),
    refused: 4,
    says: /role_arn.*use --replace/,
  },
  {
    number: 69,
    title: "role_arn in the profile, --replace",
    config: foreign("role_arn = arn:aws:iam::111122223333:role/x", "source_profile = other"),
    replace: true,
  },
  {
    number: 69,
    title: "login_session in the profile",
    config: foreign("login_session = arn:aws:iam::111122223333:user/x"),
    refused: 4,
    says: /login_session.*use --replace/,
  },
  {
    number: 69,
    title: "services in the profile",
    config: `${foreign("services = y")}[services y]\nec2 =\n  endpoint_url = https://ec2.example.com\n`,
    says: /services: .net/,
  },
  {
    number: 70,
    title: "a name that is not ASCII",
    config: "",
    profile: "b\u00fcro",
    says: /not ASCII/,
    blind: ["js", "java"],
  },
  { number: 71, title: "[name] without `profile`", config: lines("[case]", "output = json") },
  { number: 72, title: "no end of line at the end", config: "[profile other]\nregion = us-east-1" },
  {
    number: 73,
    title: "a read-only file",
    config: lines("[profile other]", "region = us-east-1"),
    mode: 0o444,
    refused: 31,
    says: /read-only/,
  },
  { number: 74, title: "10 MB", config: large },
];
