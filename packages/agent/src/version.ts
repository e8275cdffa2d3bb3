declare const LEAPP_VERSION: string | undefined;

/** Stamped by the build; `0.0.0` when run from source. */
export const version: string = typeof LEAPP_VERSION === "string" ? LEAPP_VERSION : "0.0.0";
