/** The window's only way out. */
import type { Params, Response, Result } from "../../../agent/src/protocol.ts";
import type { ShellMethod, ShellMethods, WindowEvent, WindowMethod } from "../../contract.ts";

export type Failure = Extract<Response, { error: unknown }>["error"];

/** A refusal by the agent or the shell, in its own words. */
export class AgentError extends Error {
  readonly code: Failure["code"];
  readonly hint: string | undefined;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = "AgentError";
    this.code = failure.code;
    this.hint = failure.hint;
  }

  /** Any thrown value; what is not ours is a defect of ours. */
  static of(error: unknown): AgentError {
    if (error instanceof AgentError) return error;
    return new AgentError({
      code: "internal",
      message: error instanceof Error ? error.message : String(error),
    });
  }
}

export interface Bridge {
  /** @throws AgentError */
  call<M extends WindowMethod>(method: M, params: Params<M>): Promise<Result<M>>;
  /** @throws AgentError */
  shell<M extends ShellMethod>(method: M, params: ShellMethods[M][0]): Promise<ShellMethods[M][1]>;
  /** Returns a function that ends the listening. */
  on(listener: (event: WindowEvent) => void): () => void;
}
