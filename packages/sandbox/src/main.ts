/**
 * The sandbox as a process: prints one line of JSON (address, control token, seeds), serves until its stdin
 * closes or it is asked to end.
 */
import { seed } from "./seed.ts";
import { startSandbox } from "./server.ts";

const portFlag = process.argv.indexOf("--port");
const sandbox = await startSandbox(portFlag > 0 ? { port: Number(process.argv[portFlag + 1]) } : {});
const { url, controlToken } = sandbox;
console.log(JSON.stringify({ url, controlToken, pid: process.pid, seeds: seed(sandbox, url) }));

const end = () => {
  void sandbox.stop().finally(() => process.exit(0));
};
process.on("SIGTERM", end);
process.on("SIGINT", end);
process.stdin.on("end", end);
process.stdin.on("error", end);
process.stdin.resume();
