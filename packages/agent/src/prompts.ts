/** What only a person can give: one prompt however many callers wait for it. */
import { randomUUID } from "node:crypto";
import { LeappError } from "../../core/src/errors.ts";
import type { CallerProcess, PromptView } from "../../core/src/model.ts";
import type { Clock } from "../../core/src/ports.ts";
import type { Event } from "./protocol.ts";

/** A connection on which a person can be asked: an app, or the terminal of one command. */
export interface Channel {
  readonly kind: "app" | "terminal";
  /** False once the connection is gone. */
  readonly open: boolean;
  send(event: Event): void;
}

/**
 * Who may be asked on behalf of one piece of work. Callers that join later add themselves, and a session's
 * work passes its audience on to the work of its source.
 */
export class Audience {
  readonly #channels = new Set<Channel>();
  readonly #sources: Audience[] = [];
  readonly #joined = new Set<(channel: Channel) => void>();
  readonly #background: boolean;
  readonly #callers: () => CallerProcess[];

  /** `background`: nobody asked for this, so nobody is to be disturbed. */
  constructor(options: { channel?: Channel; callers?: () => CallerProcess[]; background?: boolean } = {}) {
    if (options.channel) this.#channels.add(options.channel);
    this.#callers = options.callers ?? (() => []);
    this.#background = options.background ?? false;
  }

  get background(): boolean {
    return this.#sources.length === 0 ? this.#background : this.#sources.every((source) => source.background);
  }

  /** Everybody in `other`, now and later, belongs to this audience too. */
  include(other: Audience): void {
    if (other === this || this.#sources.includes(other)) return;
    this.#sources.push(other);
    for (const channel of other.channels()) for (const run of this.#joined) run(channel);
    other.onJoin((channel) => {
      for (const run of this.#joined) run(channel);
    });
  }

  channels(): Set<Channel> {
    const all = new Set([...this.#channels].filter((channel) => channel.open));
    for (const source of this.#sources) for (const channel of source.channels()) all.add(channel);
    return all;
  }

  /** The process of the first caller and its parents. */
  callers(): CallerProcess[] {
    return this.#sources[0]?.callers() ?? this.#callers();
  }

  onJoin(run: (channel: Channel) => void): void {
    this.#joined.add(run);
  }

  /** Callers waiting, this one and those included. */
  count(): number {
    return this.#sources.length === 0 ? 1 : this.#sources.reduce((sum, source) => sum + source.count(), 0);
  }
}

export interface PromptRequest {
  kind: PromptView["kind"];
  message: string;
  sessionId?: string;
  sessionName?: string;
  integrationId?: string;
  url?: string;
  userCode?: string;
}

interface Open {
  view: PromptView;
  audience: Audience;
  shownTo: Set<Channel>;
  settle: (outcome: string | LeappError) => void;
}

export interface Prompts {
  /**
   * Asks everybody in the audience and every attached app; the first answer counts.
   * @param over ends the question, with an empty answer, once it need not be asked any more.
   * @throws LeappError the given `nobody` at once when nobody can be asked, `refused`, or `timed-out`.
   */
  ask(request: PromptRequest, audience: Audience, nobody: LeappError, over?: AbortSignal): Promise<string>;
  /**
   * Shows what the person does elsewhere (a page to sign in on) until `close`. `refused` runs when the person
   * refuses, or whoever was shown it goes away.
   */
  show(
    request: PromptRequest,
    audience: Audience,
    deadline: number,
    refused: (error: LeappError) => void,
  ): { close(): void };
  /** Whether somebody could be asked now. */
  reachable(audience: Audience): boolean;
  list(): PromptView[];
  answer(id: string, value: string): void;
  refuse(id: string): void;
  attach(app: Channel): void;
  detach(channel: Channel): void;
  apps(): number;
}

export function createPrompts(clock: Clock, timeout: () => number): Prompts {
  const apps = new Set<Channel>();
  const open = new Map<string, Open>();

  const view = (one: Open): PromptView => ({ ...one.view, waiting: one.audience.count() });
  const show = (one: Open, channel: Channel) => {
    if (one.shownTo.has(channel)) return;
    one.shownTo.add(channel);
    channel.send({ event: "prompt", data: view(one) });
  };
  const find = (id: string): Open => {
    const one = open.get(id);
    if (!one) throw new LeappError("not-found", "that question was already answered or has run out");
    return one;
  };

  function raise(
    request: PromptRequest,
    audience: Audience,
    deadline: number,
    settled: (outcome: string | LeappError) => void,
    late: LeappError,
  ): Open {
    const cancel = clock.at(deadline, () => one.settle(late));
    const one: Open = {
      view: {
        ...request,
        id: randomUUID(),
        callers: audience.callers(),
        waiting: 1,
        askedAt: new Date(clock.now()).toISOString(),
        deadline: new Date(deadline).toISOString(),
      },
      audience,
      shownTo: new Set(),
      settle(outcome) {
        if (!open.delete(one.view.id)) return;
        cancel();
        for (const channel of one.shownTo)
          channel.send({ event: "prompt-closed", data: { id: one.view.id } });
        settled(outcome);
      },
    };
    open.set(one.view.id, one);
    audience.onJoin((channel) => {
      if (open.has(one.view.id)) show(one, channel);
    });
    for (const channel of new Set([...apps, ...audience.channels()])) show(one, channel);
    return one;
  }

  return {
    ask(request, audience, nobody, over) {
      if (over?.aborted) return Promise.resolve("");
      if (audience.background || (apps.size === 0 && audience.channels().size === 0))
        return Promise.reject(nobody);
      // In a terminal nobody's 60 s are running.
      const deadline = clock.now() + timeout() * 1000 * (apps.size > 0 ? 1 : 6);
      const late = new LeappError("timed-out", `nobody answered: ${request.message}`, { hint: nobody.hint });
      return new Promise((resolve, reject) => {
        const one = raise(
          request,
          audience,
          deadline,
          (outcome) => (typeof outcome === "string" ? resolve(outcome) : reject(outcome)),
          late,
        );
        over?.addEventListener("abort", () => one.settle(""), { once: true });
      });
    },
    show(request, audience, deadline, refused) {
      const late = new LeappError("timed-out", `not finished in time: ${request.message}`, {
        hint: "run the command again",
      });
      const settled = (outcome: string | LeappError) => {
        if (typeof outcome !== "string") refused(outcome);
      };
      const one = raise(request, audience, deadline, settled, late);
      return { close: () => one.settle("") };
    },
    reachable: (audience) => !audience.background && (apps.size > 0 || audience.channels().size > 0),
    list: () => [...open.values()].map(view),
    answer: (id, value) => find(id).settle(value),
    refuse: (id) =>
      find(id).settle(new LeappError("refused", `${find(id).view.message}: refused by the person asked`)),
    attach(app) {
      apps.add(app);
      for (const one of open.values()) show(one, app);
    },
    detach(channel) {
      apps.delete(channel);
      for (const one of open.values()) {
        if (!one.shownTo.delete(channel) || one.shownTo.size > 0) continue;
        one.settle(new LeappError("refused", `the terminal or app that was asked went away`));
      }
    },
    apps: () => apps.size,
  };
}
