/**
 * A lossless reading of `~/.aws/config` and `~/.aws/credentials`. The bytes are held as a "binary" string (one
 * character per byte), so offsets are byte offsets and every byte survives, whatever it is.
 *
 * Lines, indentation and continuation follow Python's configparser, since botocore is the strictest reader; where
 * the other SDKs would see another section name, that name is kept beside it, so that nobody is surprised.
 */
import { isUtf8 } from "node:buffer";

export type AwsFileKind = "config" | "credentials";

export interface AwsKey {
  /** Lower-case, as botocore compares it. */
  name: string;
  /** From the first character of the name to the end of the last line of the value, terminators excluded. */
  start: number;
  end: number;
  valueStart: number;
  /** Blanks around it removed; continuation lines joined by a newline. A binary string. */
  value: string;
}

export interface AwsSection {
  kind: "profile" | "sso-session" | "services" | "plugins" | "other";
  /** Text between the brackets, as it stands in the file. A binary string. */
  header: string;
  /** Name of the profile as botocore reads it; undefined when botocore sees no profile here. */
  profile: string | undefined;
  /** Names that at least one SDK reads, `profile` included. */
  names: string[];
  /** Start of the header's line; the section ends where the next one starts. */
  start: number;
  /** End of the header's line without its terminator. */
  headerEnd: number;
  bodyStart: number;
  end: number;
  keys: AwsKey[];
  /** The first problem of its lines, the header excepted. */
  problem?: AwsProblem;
  /** Something that botocore accepts and other tools read differently. */
  doubt?: AwsProblem;
}

/** Unless said otherwise, something that makes botocore refuse the whole file. */
export interface AwsProblem {
  /** Undefined when it is about the file as a whole. */
  offset?: number;
  message: string;
}

export interface AwsFile {
  kind: AwsFileKind;
  text: string;
  /** 3 when the file starts with a UTF-8 byte order mark, else 0. */
  bom: number;
  /** Where the first section starts. */
  preambleEnd: number;
  sections: AwsSection[];
  /** Profile names in lines that are a header to most SDKs and the rest of a value to botocore; their offset. */
  disputed: Map<string, number>;
  problems: AwsProblem[];
}

/** Keys that must mean the same to every reader, or the wrong credentials are used. */
const telling =
  /^(aws_\w+|sso_\w+|credential_\w+|role_arn|source_profile|web_identity_token_file|login_session|region|endpoint_url|services)\s*=/;

const tab = 9;
const newline = 10;
const carriageReturn = 13;

/** What Python's `str.strip` removes, within ASCII. */
function isBlank(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13) || (code >= 28 && code <= 31);
}

/** A blank that ends no line. */
export function isIndent(code: number): boolean {
  return isBlank(code) && code !== newline && code !== carriageReturn;
}

/** Bytes as a string of one character per byte, and back. */
export function toBinary(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
export function fromBinary(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
/** Unicode text as the binary string of its UTF-8 bytes, and back. */
export function encode(text: string): string {
  // biome-ignore lint: the range is what "ASCII" means
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}
export function decode(text: string): string {
  // biome-ignore lint: the range is what "ASCII" means
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "latin1").toString("utf8");
}

/** Reads a file of either kind. Never fails: what cannot be understood is kept and listed in `problems`. */
export function parseAwsFile(bytes: Uint8Array, kind: AwsFileKind): AwsFile {
  const text = toBinary(bytes);
  const bom = text.startsWith("\xef\xbb\xbf") ? 3 : 0;
  const file: AwsFile = {
    kind,
    text,
    bom,
    preambleEnd: text.length,
    sections: [],
    disputed: new Map(),
    problems: [],
  };
  if (bom) file.problems.push({ message: "it starts with a byte order mark" });
  if (!isUtf8(bytes)) file.problems.push({ message: "it is not UTF-8" });

  const headers = new Set<string>();
  const many = new Set<string>();
  let section: AwsSection | undefined;
  let key: AwsKey | undefined;
  let level = 0;
  let wasBare = false;
  const problem = (offset: number, message: string) => {
    file.problems.push({ offset, message });
    if (section) section.problem ??= { offset, message };
  };

  for (let at = bom, next = at; at < text.length; at = next) {
    let end = at;
    let control = false;
    for (; end < bytes.length && bytes[end] !== newline && bytes[end] !== carriageReturn; end++) {
      if (bytes[end]! < 32 && bytes[end] !== tab) control = true;
    }
    const crlf = bytes[end] === carriageReturn && bytes[end + 1] === newline;
    next = Math.min(end + (crlf ? 2 : 1), bytes.length);

    let first = at;
    while (first < end && isBlank(text.charCodeAt(first))) first++;
    const code = first < end ? text.charCodeAt(first) : 0;
    const blankOrComment = first === end || code === 35 /* # */ || code === 59; /* ; */

    if (blankOrComment) {
      // Belongs to whatever it stands in.
    } else if (key && first - at > level) {
      const line = text.slice(first, trimEnd(text, first, end));
      if (key.value === "" || key.value.startsWith("\n")) {
        // botocore takes nested lines apart with Python's splitlines.
        const pieces = line.split(/[\v\f\x1c-\x1e]/);
        if (pieces.some((piece) => /\S/.test(piece) && !piece.includes("=")))
          problem(at, "a nested line has no =");
      }
      // JavaScript takes an indented line for a key of its own, except under a key without a value.
      else if (telling.test(line))
        section!.doubt ??= { offset: at, message: "an indented key below another one" };
      key.value += `\n${line}`;
      key.end = end;
      if (code === 91 /* [ */ && line.includes("]")) {
        for (const name of readHeader(line, kind).names) file.disputed.set(name, at);
        section!.doubt ??= { offset: at, message: "an indented header" };
      }
    } else {
      level = first - at;
      const close = code === 91 ? text.lastIndexOf("]", end - 1) : -1;
      if (close > first + 1) {
        if (section) section.end = at;
        else file.preambleEnd = at;
        const read = readHeader(text.slice(first, end), kind);
        section = {
          ...read,
          start: at,
          headerEnd: end,
          bodyStart: next,
          end: text.length,
          keys: [],
        };
        file.sections.push(section);
        if (headers.has(section.header) && section.header !== "DEFAULT") {
          file.problems.push({ offset: at, message: `it has the section [${decode(section.header)}] twice` });
        }
        headers.add(section.header);
        key = undefined;
        many.clear();
      } else if (!section) {
        problem(at, "it has text before the first section");
      } else {
        let delimiter = first;
        while (delimiter < end) {
          const c = text.charCodeAt(delimiter);
          if (c === 61 /* = */ || c === 58 /* : */) break;
          delimiter++;
        }
        if (delimiter === end || delimiter === first) {
          problem(at, "a line is neither a section, a key nor a comment");
        } else {
          const name = keyName(text, first, trimEnd(text, first, delimiter));
          if (isTwice(section.keys, name, many))
            problem(at, `it has the key ${decode(name)} twice in one section`);
          let valueStart = delimiter + 1;
          while (valueStart < end && isBlank(text.charCodeAt(valueStart))) valueStart++;
          key = {
            name,
            start: first,
            end,
            valueStart,
            value: text.slice(valueStart, trimEnd(text, valueStart, end)),
          };
          section.keys.push(key);
        }
      }
    }
    // Python ends a line at a bare carriage return, skips control characters, and takes no notice of text after a
    // header. To others the line goes on, and what looks like a header is none.
    const bare = bytes[end] === carriageReturn && !crlf;
    const tail = section?.start === at ? text.slice(text.lastIndexOf("]", end - 1) + 1, end) : "";
    const odd = tail !== "" && !/^[ \t]+([#;].*)?$/.test(tail);
    if (bare || wasBare || control || odd) {
      const what = control ? "a control character" : odd ? "text after a header" : undefined;
      const doubt = { offset: at, message: what ?? "a carriage return without a line feed" };
      if (section) section.doubt ??= doubt;
      const above = section?.start === at ? file.sections.at(-2) : undefined;
      if (above) above.doubt ??= doubt;
    }
    wasBare = bare;
  }
  return file;
}

/** All parts in their order; always the bytes that were read. */
export function joinAwsFile(file: AwsFile): Uint8Array {
  const { text } = file;
  return fromBinary(
    text.slice(0, file.preambleEnd) +
      file.sections.map((s) => text.slice(s.start, s.bodyStart) + text.slice(s.bodyStart, s.end)).join(""),
  );
}

/** Number of the line (from 1) that holds an offset. */
export function lineOf(file: AwsFile, offset: number): number {
  let line = 1;
  for (let at = file.text.indexOf("\n"); at >= 0 && at < offset; at = file.text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Offset just after the terminator (LF, CRLF, CR) that starts at `end`. */
export function afterTerminator(text: string, end: number): number {
  if (text.charCodeAt(end) === newline) return end + 1;
  if (text.charCodeAt(end) !== carriageReturn) return end;
  return text.charCodeAt(end + 1) === newline ? end + 2 : end + 1;
}

/** Offset of the terminator that ends at `start`, or `start` when there is none. */
export function beforeTerminator(text: string, start: number): number {
  if (text.charCodeAt(start - 1) === carriageReturn) return start - 1;
  if (text.charCodeAt(start - 1) !== newline) return start;
  return text.charCodeAt(start - 2) === carriageReturn ? start - 2 : start - 1;
}

/** Lower-case in ASCII only: the other bytes are parts of characters. */
function keyName(text: string, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code >= 65 && code <= 90) return text.slice(start, end).replace(/[A-Z]/g, (c) => c.toLowerCase());
  }
  return text.slice(start, end);
}

/** Whether a name is among the keys; `many` is used where there are many, since looking at each is faster for few. */
function isTwice(keys: readonly AwsKey[], name: string, many: Set<string>): boolean {
  if (keys.length < 32) return keys.some((one) => one.name === name);
  if (many.size === 0) for (const one of keys) many.add(one.name);
  const twice = many.has(name);
  many.add(name);
  return twice;
}

function trimEnd(text: string, start: number, end: number): number {
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return end;
}

type Header = Pick<AwsSection, "kind" | "header" | "profile" | "names">;

/** `line` starts with `[`. botocore takes everything up to the last `]`, the others stop at the first. */
function readHeader(line: string, kind: AwsFileKind): Header {
  const header = line.slice(1, line.lastIndexOf("]"));
  if (kind === "config") {
    // What nearly every header looks like, and everybody reads alike.
    const plain = /^profile ([\w.@+%:/-]+)$/.exec(header);
    if (plain) return { kind: "profile", header, profile: plain[1]!, names: [plain[1]!] };
  }
  const whole = decode(header);
  const short = decode(line.slice(1, line.indexOf("]")));
  if (kind === "credentials") {
    return { kind: "profile", header, profile: whole, names: distinct([whole, short, short.trim()]) };
  }
  const profile = botocoreName(whole);
  const names = distinct([profile, commonName(short)]);
  const word = /^[a-z-]*/.exec(whole)![0];
  const other =
    word === "sso-session" || word === "services" || word === "plugins" ? word : ("other" as const);
  return { kind: names.length ? "profile" : other, header, profile, names };
}

/** botocore's configloader: the prefix need not even be a whole word, and the rest goes through shlex. */
function botocoreName(header: string): string | undefined {
  if (header === "default") return header;
  if (!header.startsWith("profile")) return undefined;
  const words = shellWords(header);
  return words?.length === 2 ? words[1] : undefined;
}

/** The other SDKs: `profile`, blanks, and the rest as it is, quotes around it removed. */
function commonName(header: string): string | undefined {
  const trimmed = header.trim();
  if (trimmed === "default") return trimmed;
  const rest = /^profile\s+(.+)$/.exec(trimmed)?.[1];
  return rest && (/^(["'])(.+)\1$/.exec(rest)?.[2] ?? rest);
}

/** Python's `shlex.split`; undefined where it raises. */
function shellWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quote) {
      if (c === quote) quote = "";
      else if (c === "\\" && quote === '"' && (text[i + 1] === '"' || text[i + 1] === "\\"))
        word += text[++i]!;
      else word += c;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= "";
    } else if (c === "\\") {
      if (++i >= text.length) return undefined;
      word = (word ?? "") + text[i];
    } else if (c === " " || c === "\t" || c === "\r" || c === "\n") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + c;
    }
  }
  if (quote) return undefined;
  if (word !== undefined) words.push(word);
  return words;
}

function distinct(names: (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined))];
}
