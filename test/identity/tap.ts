/** A wire between the agent and the sandbox that is listened to: what is secret on it is kept, by name. */
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface Tap {
  readonly url: string;
  /** Everything secret that went either way, with what it is. */
  readonly heard: { kind: string; value: string }[];
  close(): Promise<void>;
}

const fields =
  /"(accessToken|refreshToken|clientSecret|deviceCode|codeVerifier|code|secretAccessKey|sessionToken)":"([^"]+)"/g;
const elements = /<(SecretAccessKey|SessionToken)>([^<]+)</g;

/** Listens on a free port of 127.0.0.1; `target` says where to, once it is known. */
export async function startTap(target: () => string): Promise<Tap> {
  const heard: Tap["heard"] = [];
  const hear = (text: string) => {
    for (const pattern of [fields, elements])
      for (const [, kind, value] of text.matchAll(pattern)) heard.push({ kind: kind!, value: value! });
    const assertion = new URLSearchParams(text).get("SAMLAssertion");
    if (assertion) heard.push({ kind: "SAMLAssertion", value: assertion });
  };
  const server = http.createServer(async (request, answer) => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    hear(body.toString("utf8"));
    const options = { method: request.method, headers: request.headers };
    const onward = http.request(new URL(request.url!, target()), options, async (reply) => {
      const bytes = Buffer.concat(await Array.fromAsync(reply as AsyncIterable<Buffer>));
      hear(bytes.toString("utf8"));
      answer.writeHead(reply.statusCode!, reply.headers).end(bytes);
    });
    onward.on("error", () => request.socket.destroy()).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
