declare module "virtual:licences" {
  /** Everything that is built into the program, made by vite.config.ts. */
  const licences: readonly { name: string; version: string; licence: string }[];
  export default licences;
}
declare module "*.css";
