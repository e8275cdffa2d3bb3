/** Goes through the sandbox's pages as a person with a browser would, over plain HTTP: for tests. */

export interface Person {
  user: string;
  password: string;
}

/**
 * Signs in at an authorization or device verification URL and answers the consent page. An authorization ends at
 * the application's own callback, which is called as the browser would.
 * @returns what the browser shows at last
 * @throws Error with the page's words where a page says no
 */
export async function completeSignIn(
  url: string,
  { user, password }: Person,
  decision: "allow" | "deny" = "allow",
): Promise<{ url: string; status: number; body: string }> {
  const consent = await submit(await open(url), { username: user, password });
  const end = await submit(consent, { decision }, "manual");
  const location = end.headers.get("location");
  const last = location ? await fetch(location) : end;
  return { url: location ?? end.url, status: last.status, body: await last.text() };
}

/**
 * Signs in at the sandbox's SAML identity provider.
 * @returns where the browser would post what: the fields include `SAMLResponse`
 */
export async function completeSamlSignIn(
  url: string,
  { user, password }: Person,
): Promise<{ action: string; fields: Record<string, string> }> {
  return formOf(await textOf(await submit(await open(url), { username: user, password })));
}

async function open(url: string): Promise<Response> {
  const response = await fetch(url, { redirect: "manual" });
  const location = response.headers.get("location");
  if (location)
    throw new Error(`sent away: ${new URL(location, url).searchParams.get("error") ?? "unexpected"}`);
  return response;
}

async function submit(
  response: Response,
  fields: Record<string, string>,
  redirect: "follow" | "manual" = "follow",
): Promise<Response> {
  const form = formOf(await textOf(response));
  return fetch(new URL(form.action, response.url), {
    method: "POST",
    body: new URLSearchParams({ ...form.fields, ...fields }),
    redirect,
  });
}

/** @throws Error with the page's own words where it says no */
async function textOf(response: Response): Promise<string> {
  const html = await response.text();
  if (response.ok) return html;
  throw new Error(/<p[^>]*>([^<]*)<\/p>(?:<\/body>|<form)/.exec(html)?.[1] ?? `HTTP ${response.status}`);
}

function formOf(html: string): { action: string; fields: Record<string, string> } {
  const plain = (text: string) => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
  const action = /<form method="post" action="([^"]*)">/.exec(html)?.[1];
  if (action === undefined) throw new Error("a form was expected");
  const fields: Record<string, string> = {};
  for (const [, name, value] of html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)) {
    fields[plain(name!)] = plain(value!);
  }
  return { action: plain(action), fields };
}
