import type { Credentials } from "../model.ts";

/** The keys of a section in `~/.aws/credentials`, in the order they are written. */
export function credentialsFileKeys(credentials: Credentials): [string, string][] {
  return [
    ["aws_access_key_id", credentials.accessKeyId],
    ["aws_secret_access_key", credentials.secretAccessKey],
    ["aws_session_token", credentials.sessionToken],
  ];
}
