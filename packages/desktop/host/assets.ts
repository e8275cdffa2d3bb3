/** The files of the window, embedded into leapp-core by the build (scripts/build-ui.mjs makes them). */
import { readFile } from "node:fs/promises";
import style from "../ui/dist/app.css" with { type: "file" };
import script from "../ui/dist/app.js" with { type: "file" };
import icon from "../ui/dist/icon.svg" with { type: "file" };
import page from "../ui/dist/index.html" with { type: "file" };

export interface Asset {
  type: string;
  body: Buffer;
}

/** By path. Nothing else is ever served. */
export async function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  const files = [
    ["/", page as unknown as string, "text/html; charset=utf-8"],
    ["/app.js", script as unknown as string, "text/javascript; charset=utf-8"],
    ["/app.css", style as unknown as string, "text/css; charset=utf-8"],
    ["/icon.svg", icon as unknown as string, "image/svg+xml"],
  ] as const;
  return new Map(
    await Promise.all(
      files.map(async ([path, file, type]) => [path, { type, body: await readFile(file) }] as const),
    ),
  );
}
