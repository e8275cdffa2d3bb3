/** `with { type: "file" }`: the path of a file inside the compiled program. */
declare module "*/dist/app.css" {
  const path: string;
  export default path;
}
declare module "*/dist/app.js" {
  const path: string;
  export default path;
}
declare module "*/dist/icon.svg" {
  const path: string;
  export default path;
}
