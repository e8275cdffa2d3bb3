/** One call of an AWS SDK client over our wire: how often it is tried, and what its failure means. */
import { explain, mayTryAgain } from "./failure.ts";
import type { Wire, WireReply } from "./http.ts";

/** The SDK's HttpRequest, as far as we read it; the query protocol of STS has all in the body. */
interface SdkRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  headers: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
}

/** What an SDK client takes as its `requestHandler`. */
export interface Handler {
  handle(
    request: SdkRequest,
  ): Promise<{ response: { statusCode: number; headers: object; body: Uint8Array } }>;
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
}

/** Milliseconds for all tries together; a shorter deadline comes as a signal. */
const budget = 15_000;
/** Milliseconds for one try: a hanging server must leave room for another. */
const patience = 6_000;

/**
 * Runs one call, again after a throttle, a server's fault or a cut connection: at most three tries.
 * @param action the operation's name, such as `AssumeRole`.
 * @param run makes an SDK client with the given handler and sends one command; the SDK's own retries are off.
 */
export async function callAws<T>(
  wire: Wire,
  action: string,
  signal: AbortSignal | undefined,
  run: (handler: Handler) => Promise<T>,
): Promise<T> {
  const limit = AbortSignal.timeout(budget);
  const either = signal ? AbortSignal.any([signal, limit]) : limit;
  for (let attempt = 1; ; attempt++) {
    let reply: WireReply | undefined;
    let host = "AWS";
    const handler: Handler = {
      async handle(request) {
        const { protocol, hostname, port, path, method, headers, body } = request;
        host = port ? `${hostname}:${port}` : hostname;
        const url = `${protocol}//${host}${path}`;
        reply = await wire.fetch(url, { method, headers, body, signal: either, timeout: patience });
        return {
          response: {
            statusCode: reply.status,
            headers: Object.fromEntries(reply.headers),
            body: Buffer.from(reply.body),
          },
        };
      },
      updateHttpClientConfig() {},
      httpHandlerConfigs: () => ({}),
    };
    try {
      return await run(handler);
    } catch (error) {
      const failure = explain(error, { action, host, reply, skew: wire.skew() });
      if (attempt === 3 || !mayTryAgain(error, reply)) throw failure;
      await pause(attempt, reply, either);
      // What went wrong says more than that time ran out.
      if (either.aborted) throw failure;
    }
  }
}

/** A growing, jittered pause; what a throttling server asks for counts, as far as it is bearable. */
function pause(attempt: number, reply: WireReply | undefined, signal: AbortSignal): Promise<void> {
  const asked = Math.min(Number(reply?.headers.get("retry-after")) || 0, 5) * 1000;
  const milliseconds = Math.max(asked, 100 * 2 ** attempt * (0.5 + Math.random() / 2));
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
