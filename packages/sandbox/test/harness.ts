import { STSClient, type STSClientConfig } from "@aws-sdk/client-sts";
import type { Sandbox } from "../src/server.ts";

export const accountId = "111122223333";

interface SentRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  body?: string;
}

/**
 * Sends what the SDK signed, after `change` has had its way with it: a request altered on the road. The SDK's own
 * handler cannot be asked to leave out a header that it signed.
 */
export function tampering(change: (request: SentRequest) => void) {
  return {
    async handle(request: SentRequest & { protocol: string; hostname: string; port?: number }) {
      change(request);
      const { host, "content-length": _length, ...headers } = request.headers;
      const response = await fetch(`http://${request.hostname}:${request.port}${request.path}`, {
        method: request.method,
        headers: { ...headers, ...(host ? { host } : {}) },
        body: request.body,
      });
      return {
        response: {
          statusCode: response.status,
          headers: Object.fromEntries(response.headers),
          body: new Blob([await response.arrayBuffer()]).stream(),
        },
      };
    },
  };
}

interface SdkCredentials {
  AccessKeyId?: string;
  SecretAccessKey?: string;
  SessionToken?: string;
}

/** An SDK client as a user (`UserKeys`) or with temporary credentials (STS's `Credentials`). */
export function sts(
  sandbox: Sandbox,
  keys: { accessKeyId: string; secretAccessKey: string } | SdkCredentials | undefined,
  config: STSClientConfig = {},
): STSClient {
  const credentials = !keys
    ? { accessKeyId: "none", secretAccessKey: "none" }
    : "accessKeyId" in keys
      ? keys
      : {
          accessKeyId: (keys as SdkCredentials).AccessKeyId!,
          secretAccessKey: (keys as SdkCredentials).SecretAccessKey!,
          sessionToken: (keys as SdkCredentials).SessionToken!,
        };
  return new STSClient({
    endpoint: sandbox.url,
    region: "eu-west-1",
    credentials: credentials as { accessKeyId: string; secretAccessKey: string },
    maxAttempts: 1,
    ...config,
  });
}

/** `CODE: message` of a call that must fail. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  throw new Error("it was accepted");
}
