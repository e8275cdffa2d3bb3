/**
 * Asks the session bus whether a Secret Service answers, without ever blocking: the native module connects in its
 * constructor, on the caller's thread, and would stand still with a bus or a keyring that hangs. Only the few
 * messages needed, after the D-Bus specification: authentication EXTERNAL, then Hello and Peer.Ping.
 */
import { createConnection } from "node:net";

type Environment = Record<string, string | undefined>;

/** True when `org.freedesktop.secrets` (started by the bus if need be) answers within `milliseconds`. */
export function secretServiceAnswers(milliseconds: number, env: Environment = process.env): Promise<boolean> {
  const path = busPath(env);
  if (!path || !process.getuid) return Promise.resolve(false);
  const user = Buffer.from(String(process.getuid())).toString("hex");
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    const timer = setTimeout(() => done(false), milliseconds);
    const done = (answer: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    let received = Buffer.alloc(0);
    let authenticated = false;
    socket.on("error", () => done(false));
    socket.on("close", () => done(false));
    socket.on("connect", () => socket.write(`\0AUTH EXTERNAL ${user}\r\n`));
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (!authenticated) {
        const end = received.indexOf("\r\n");
        if (end < 0) return;
        if (!received.toString("latin1", 0, end).startsWith("OK ")) return done(false);
        authenticated = true;
        received = received.subarray(end + 2);
        socket.write("BEGIN\r\n");
        socket.write(
          call(1, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"),
        );
        socket.write(
          call(2, "org.freedesktop.secrets", "/org/freedesktop/secrets", "org.freedesktop.DBus.Peer", "Ping"),
        );
      }
      for (let message = readMessage(received); message; message = readMessage(received)) {
        if (message.replyTo === 2) return done(message.type === methodReturn);
        received = received.subarray(message.length);
      }
      if (received.length > 1 << 20) done(false);
    });
  });
}

/** `%2f` in an address is one byte. */
function unescape(text: string): string {
  const bytes = text.replace(/%(..)/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** The rule of libdbus, which the native module uses: the variable, else `bus` in the runtime folder. */
export function busPath(env: Environment): string | undefined {
  const address = env.DBUS_SESSION_BUS_ADDRESS;
  if (!address) return env.XDG_RUNTIME_DIR ? `${env.XDG_RUNTIME_DIR}/bus` : undefined;
  for (const one of address.split(";")) {
    const match = /^unix:(?:.*,)?(path|abstract)=((?:[^,%]|%[0-9a-f]{2})+)/i.exec(one);
    if (!match) continue;
    const name = unescape(match[2] as string);
    return match[1] === "abstract" ? `\0${name}` : name;
  }
  return undefined;
}

const methodCall = 1;
const methodReturn = 2;
const headerFields = { path: 1, interface: 2, member: 3, replySerial: 5, destination: 6 };

/** A method call without arguments, in little endian. */
function call(serial: number, destination: string, path: string, iface: string, member: string): Buffer {
  let fields = headerField(headerFields.path, "o", path);
  for (const [name, text] of Object.entries({ interface: iface, member, destination })) {
    const code = headerFields[name as keyof typeof headerFields];
    fields = Buffer.concat([padded(fields), headerField(code, "s", text)]);
  }
  const head = Buffer.alloc(16);
  head.set([0x6c, methodCall, 0, 1]);
  head.writeUInt32LE(serial, 8);
  head.writeUInt32LE(fields.length, 12);
  return Buffer.concat([head, padded(fields)]);
}

/** Code, signature of one letter, text with its length and a NUL. */
function headerField(code: number, signature: string, text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  const out = Buffer.alloc(8 + bytes.length + 1);
  out.set([code, 1, signature.charCodeAt(0), 0]);
  out.writeUInt32LE(bytes.length, 4);
  out.set(bytes, 8);
  return out;
}

/** The first message in `bytes`, or undefined while it is not complete. Its body does not matter here. */
function readMessage(bytes: Buffer): { type: number; replyTo?: number; length: number } | undefined {
  if (bytes.length < 16) return undefined;
  const little = bytes[0] === 0x6c;
  const u32 = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const fieldsEnd = 16 + u32(12);
  const length = align(fieldsEnd) + u32(4);
  if (bytes.length < length) return undefined;
  const message = { type: bytes[1] as number, replyTo: undefined as number | undefined, length };
  for (let at = 16; at < fieldsEnd; at = align(at)) {
    const code = bytes[at];
    const signature = String.fromCharCode(bytes[at + 2] as number);
    at += 4;
    if (signature === "u") {
      if (code === headerFields.replySerial) message.replyTo = u32(at);
      at += 4;
    } else if (signature === "g") at += 2 + (bytes[at] as number);
    else at += 5 + u32(at);
  }
  return message;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(align(bytes.length) - bytes.length)]);
}

/** The next multiple of 8, where D-Bus puts structures and bodies. */
function align(offset: number): number {
  return (offset + 7) & ~7;
}
