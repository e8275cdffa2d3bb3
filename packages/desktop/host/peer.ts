import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/**
 * User id of the program at the other end of a loopback connection, from /proc/net/tcp; undefined where the
 * system does not tell. Another user of the machine is cut off before a byte is read.
 */
export function ownerOfConnection(socket: Socket): number | undefined {
  if (process.platform !== "linux") return undefined;
  const { remotePort, localPort } = socket;
  if (remotePort === undefined || localPort === undefined) return undefined;
  return ownerIn(readTable(), remotePort, localPort);
}

function readTable(): string {
  try {
    return readFileSync("/proc/net/tcp", "utf8");
  } catch {
    return "";
  }
}

/** The other end's own line runs from its port to ours, both on 127.0.0.1. */
export function ownerIn(table: string, from: number, to: number): number | undefined {
  const end = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of table.split("\n")) {
    // sl, local, remote, state, queues, timer, retransmits, uid, …
    const fields = line.trim().split(/\s+/);
    if (fields[1] === end(from) && fields[2] === end(to)) return Number(fields[7]);
  }
  return undefined;
}
