import { LeappError } from "../src/errors.ts";

/** The LeappError that `run` throws; anything else fails the test. */
export function thrown(run: () => unknown): LeappError {
  try {
    run();
  } catch (error) {
    if (error instanceof LeappError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The LeappError that a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<LeappError> {
  const value = await promise.catch((error: unknown) => {
    if (error instanceof LeappError) return error;
    throw error;
  });
  if (value instanceof LeappError) return value;
  throw new Error("nothing was thrown");
}
