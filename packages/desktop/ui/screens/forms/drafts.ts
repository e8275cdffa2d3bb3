/** What was typed and not sent: a closed form opens as it was. Lives as long as the window; never a secret. */
import type { Values } from "./fields.ts";

const drafts = new Map<string, Values>();

export const draftOf = (key: string): Values | undefined => drafts.get(key);

export function keepDraft(key: string, values: Values | undefined): void {
  if (values) drafts.set(key, values);
  else drafts.delete(key);
}
