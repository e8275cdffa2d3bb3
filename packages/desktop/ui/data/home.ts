import { useCallback } from "react";
import { useResource } from "./store.ts";

/** Paths and lines with paths as people write them: `~` for their own home. */
export function useTilde(): (text: string) => string {
  // Where the command line would be put is the one path of which we know how it goes on from there.
  const home = useResource("commandLine").value?.target.replace(/[\\/]\.local[\\/]bin[\\/]leapp$/, "");
  return useCallback(
    (text) =>
      home && home !== "/"
        ? text.split(home).reduce((all, part) => `${all}${/^([\\/]|$)/.test(part) ? "~" : home}${part}`)
        : text,
    [home],
  );
}
