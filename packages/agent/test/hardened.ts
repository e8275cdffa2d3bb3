// Run by platform.test.ts as an ordinary user: can a child of ours read our memory map, before and after?
import { hardenProcess } from "../src/platform/process.ts";

const readable = () => Bun.spawnSync(["cat", `/proc/${process.pid}/environ`]).exitCode;
const before = readable();
hardenProcess();
console.log(JSON.stringify({ before, after: readable() }));
