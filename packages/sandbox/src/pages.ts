/** The few pages that a person sees in the sandbox. */
import { type WireReply, escapeMarkup, page } from "./wire.ts";

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:12vh auto;padding:0 1rem;color:#1b2330}" +
  "input,button{font:inherit;display:block;width:100%;box-sizing:border-box;padding:.5rem;margin:.25rem 0 1rem}" +
  ".problem{color:#a4161a}code{font-size:1.25em}";

export function layout(title: string, content: string, status = 200, bodyAttributes = ""): WireReply {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeMarkup(title)}</title><style>${style}</style>`;
  const heading = `<p><small>Leapp sandbox: not AWS</small></p><h1>${escapeMarkup(title)}</h1>`;
  return page(
    `<!doctype html><html lang="en"><head>${head}</head><body${bodyAttributes}>${heading}${content}</body></html>`,
    status,
  );
}

export function form(action: string, hidden: Record<string, string>, content: string): string {
  const inputs = Object.entries(hidden)
    .map(
      ([name, value]) => `<input type="hidden" name="${escapeMarkup(name)}" value="${escapeMarkup(value)}">`,
    )
    .join("");
  return `<form method="post" action="${escapeMarkup(action)}">${inputs}${content}</form>`;
}

export const problem = (text?: string): string =>
  text ? `<p class="problem" role="alert">${escapeMarkup(text)}</p>` : "";

/** `known`: who may sign in, told on the page, since nobody here is real. */
export function signInPage(
  action: string,
  hidden: Record<string, string>,
  wrong = false,
  known?: { user: string; password: string },
): WireReply {
  const fields =
    '<label>User name<input name="username" autocomplete="username" autofocus></label>' +
    '<label>Password<input name="password" type="password" autocomplete="current-password"></label>' +
    "<button>Sign in</button>";
  const note = problem(wrong ? "The user name or the password is wrong." : undefined);
  const hint = known
    ? `<p>Nobody here is real: be <b>${escapeMarkup(known.user)}</b>, password <b>${escapeMarkup(known.password)}</b>.</p>`
    : "";
  return layout("Sign in", hint + note + form(action, hidden, fields), wrong ? 401 : 200);
}

export const messagePage = (title: string, text: string, status = 200): WireReply =>
  layout(title, `<p>${escapeMarkup(text)}</p>`, status);
