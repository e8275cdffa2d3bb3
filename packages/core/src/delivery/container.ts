import type { Credentials } from "../model.ts";
import { expirationText } from "./credential-process.ts";

/** The body that a container credentials endpoint answers with (consumers.md 13). All but the last are required. */
export function containerCredentials(credentials: Credentials, roleArn?: string): string {
  return JSON.stringify({
    AccessKeyId: credentials.accessKeyId,
    SecretAccessKey: credentials.secretAccessKey,
    Token: credentials.sessionToken,
    Expiration: expirationText(credentials.expiration),
    AccountId: credentials.accountId,
    RoleArn: roleArn,
  });
}

/** The body of the same endpoint's 4xx and 5xx answers. */
export function containerError(code: string, message: string): string {
  return JSON.stringify({ code, message });
}
