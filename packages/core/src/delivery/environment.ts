/** Credentials as environment variables, and as text that a shell can evaluate. */
import type { Credentials, Region } from "../model.ts";
import { expirationText, plain } from "./credential-process.ts";

/** `env`: NAME=value lines as `docker --env-file` reads them, unquoted. */
export const environmentFormats = ["sh", "fish", "powershell", "env"] as const;
export type EnvironmentFormat = (typeof environmentFormats)[number];

/** Name and value of each variable that the AWS tools read (AWS SDKs and Tools Reference). */
export function environmentVariables(credentials: Credentials, region?: Region): [string, string][] {
  const variables: [string, string][] = [
    ["AWS_ACCESS_KEY_ID", plain(credentials.accessKeyId)],
    ["AWS_SECRET_ACCESS_KEY", plain(credentials.secretAccessKey)],
    ["AWS_SESSION_TOKEN", plain(credentials.sessionToken)],
    ["AWS_CREDENTIAL_EXPIRATION", expirationText(credentials.expiration)],
  ];
  if (credentials.accountId) variables.push(["AWS_ACCOUNT_ID", credentials.accountId]);
  if (region) variables.push(["AWS_REGION", region], ["AWS_DEFAULT_REGION", region]);
  return variables;
}

const lines: Record<EnvironmentFormat, (name: string, value: string) => string> = {
  sh: (name, value) => `export ${name}='${value.replaceAll("'", "'\\''")}'`,
  fish: (name, value) => `set -gx ${name} '${value.replace(/[\\']/g, "\\$&")}'`,
  powershell: (name, value) => `$env:${name} = '${value.replaceAll("'", "''")}'`,
  env: (name, value) => `${name}=${value}`,
};

/** One line a variable, each ended by a newline. The values may be anything on one line. */
export function environmentText(variables: readonly [string, string][], format: EnvironmentFormat): string {
  return variables.map(([name, value]) => `${lines[format](name, value)}\n`).join("");
}
