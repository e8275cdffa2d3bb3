/** The agent's socket: two dialects in, the service's answers out (protocol.ts). */
import { LeappError } from "../../core/src/errors.ts";
import type { CallerProcess } from "../../core/src/model.ts";
import { callersOf, releaseMemory } from "./platform/process.ts";
import { type Line, listenLines } from "./platform/socket.ts";
import type { Channel, Prompts } from "./prompts.ts";
import { Audience } from "./prompts.ts";
import type { Event, Method, Params } from "./protocol.ts";
import { maxLineBytes, protocolVersion } from "./protocol.ts";

/** One call as the service sees it. */
export interface Call {
  audience: Audience;
  /** The process that asks and its parents, read while it is still there. */
  who(): { callers: CallerProcess[]; cwd?: string };
  /** The person is at the other end, not a tool. */
  interactive: boolean;
  /** As the caller's environment names them; undefined: the agent's own. */
  files?: { config: string; credentials: string };
  /** Variables that lead to the caller's desktop; undefined where no browser can open. */
  desktop: Record<string, string> | undefined;
  /** Variables of the caller's environment that would win over a profile. */
  variables: string[];
}

export interface Service {
  handle(method: Method, params: unknown, call: Call): unknown;
  /** The credential_process line, in the same tick where memory holds it. */
  generate(session: string, call: Call): string | Promise<string>;
  prompts: Prompts;
  onEvent(listener: (event: Event) => void): void;
  note(level: "info" | "error", text: string): void;
}

/** Characters of an answer after which memory is worth tidying up. */
const largeAnswer = 500_000;
/** Tells the launcher to run leapp-core instead. */
const useCore = 255;

export function serve(socketPath: string, service: Service): { stop(): void } {
  const subscribers = new Set<Line>();
  service.onEvent((event) => {
    const text = `${JSON.stringify(event)}\n`;
    for (const line of subscribers) line.send(text);
  });

  return listenLines(socketPath, maxLineBytes, (line) => {
    let open = true;
    let interactive = false;
    let kind: Channel["kind"] = "terminal";
    let hello: Partial<Params<"hello">> = {};
    const channel: Channel = {
      get kind() {
        return kind;
      },
      get open() {
        return open;
      },
      send: (event) => line.send(`${JSON.stringify(event)}\n`),
    };
    let who: ReturnType<Call["who"]> | undefined;
    const call = (): Call => {
      const read = () => {
        who ??= line.pid === undefined ? { callers: [] } : callersOf(line.pid);
        return who;
      };
      return {
        interactive,
        variables: hello.variables ?? [],
        desktop: hello.desktop,
        ...(hello.files ? { files: hello.files } : {}),
        who: read,
        audience: new Audience({
          ...(interactive && kind === "terminal" ? { channel } : {}),
          callers: () => read().callers,
        }),
      };
    };

    const reply = (id: unknown, outcome: { result: unknown } | { error: LeappError }) => {
      const text = `${JSON.stringify({ id, ...outcome })}\n`;
      line.send(text);
      if (text.length > largeAnswer) setTimeout(releaseMemory, 200);
    };

    const failed = (method: string, thrown: unknown): LeappError => {
      const error = LeappError.of(thrown);
      if (error.code === "internal")
        service.note("error", `${method}: ${(error.cause as Error)?.stack ?? error.message}`);
      return error;
    };

    async function answer(id: unknown, method: Method, params: unknown): Promise<void> {
      try {
        if (method === "subscribe") subscribers.add(line);
        const result = method === "subscribe" ? null : await service.handle(method, params, call());
        reply(id, { result });
      } catch (thrown) {
        reply(id, { error: failed(method, thrown) });
      }
    }

    function launcher(dialect: string, session: string): void {
      const finish = (code: number, text: string) => {
        line.send(`${code} ${text}\n`);
        line.end();
      };
      const fail = (thrown: unknown) => {
        const error = failed("generate", thrown);
        finish(error.exitCode, error.line);
      };
      if (dialect !== "1") return finish(useCore, "another version");
      try {
        const text = service.generate(session, call());
        if (typeof text === "string") finish(0, text);
        else text.then((later) => finish(0, later), fail);
      } catch (thrown) {
        fail(thrown);
      }
    }

    return {
      line(text) {
        if (text.startsWith("generate ")) {
          const [, dialect = "", session = ""] = text.split(" ");
          launcher(dialect, session);
          return;
        }
        let request: { id?: unknown; method?: unknown; params?: unknown };
        try {
          request = JSON.parse(text);
          if (typeof request !== "object" || request === null || typeof request.method !== "string") throw 0;
        } catch {
          line.end();
          return;
        }
        const params = request.params ?? {};
        if (request.method === "hello") {
          hello = params as Params<"hello">;
          if (hello.protocol !== protocolVersion) {
            const error = new LeappError("agent-unavailable", "the agent speaks another protocol version", {
              hint: "run: leapp agent stop",
            });
            reply(request.id, { error });
            return;
          }
          interactive = hello.interactive === true;
          if (hello.client === "app") {
            kind = "app";
            interactive = true;
            service.prompts.attach(channel);
          }
        }
        void answer(request.id, request.method as Method, params);
      },
      close() {
        open = false;
        subscribers.delete(line);
        service.prompts.detach(channel);
      },
    };
  });
}
