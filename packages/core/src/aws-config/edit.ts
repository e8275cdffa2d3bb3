/**
 * Starting and stopping profiles in one file of `~/.aws`, as pure functions from bytes to bytes. Everything that
 * is not ours stays where it is; stop after start gives back the identical bytes, in whatever order.
 *
 * A caller keeps the `Undo` of every started profile and hands all of them back in. It records them *before* the
 * file is replaced: an undo whose lines never reached the file changes nothing when it is applied.
 */
import { createHash } from "node:crypto";
import { LeappError } from "../errors.ts";
import {
  type AwsFile,
  type AwsFileKind,
  type AwsKey,
  type AwsSection,
  afterTerminator,
  beforeTerminator,
  decode,
  encode,
  fromBinary,
  isIndent,
  lineOf,
  parseAwsFile,
  toBinary,
} from "./parse.ts";

export interface ProfileEntry {
  profile: string;
  /**
   * Written in this order as `name=value`. None: only park a section that holds other credentials, or leave no more
   * than the header of one that is parked.
   */
  keys: [name: string, value: string][];
  /** Only new values for lines of ours: a section that the person deleted or rewrote is theirs, and has no undo. */
  rotates?: boolean;
}

/** How to get back to what was there, for one profile in one file. Plain JSON, no secret in it. */
export interface Undo {
  file: AwsFileKind;
  profile: string;
  /** There was no file: the last stop removes it. */
  createdFile?: boolean;
  /** There was no such section: its header goes when nothing but ours is in it. */
  created?: {
    /** A blank line was put before it; the terminator it consists of. */
    blank: string;
    /** The last line of section `header` had no terminator and was given `newline`. "": before any section. */
    joined?: { header: string; newline: string };
  };
  /** Our section stands in for one that is kept as `Parked`. */
  parked?: boolean;
  keys: UndoKey[];
}

export interface UndoKey {
  name: string;
  /** Values that are ours, newest first; of the credentials file only their digests. */
  wrote: string[];
  /** The lines that ours replaced, base64. */
  original?: string;
}

/** A section that gave way. May hold secrets: it belongs in the vault. */
export interface Parked {
  file: AwsFileKind;
  profile: string;
  /** The section from its header to the end of its last line, base64. */
  text: string;
}

export interface StartOptions {
  /** Undos of everything that is started in this file. */
  active?: readonly Undo[];
  /** Park a section that holds other credentials. */
  replace?: boolean;
}

export interface Started {
  /** Undefined only when there was no file and nothing to write. */
  bytes: Uint8Array | undefined;
  /** One for each entry that has something to undo; it takes the place of an older one of the same profile. */
  undo: Undo[];
  /** New ones only. */
  parked: Parked[];
  notices: string[];
}

export interface Stopped {
  /** Undefined: the file was ours alone and goes. */
  bytes: Uint8Array | undefined;
  /** Parked sections that could not return, since the person wrote another one in their place. */
  kept: Parked[];
  notices: string[];
}

/** `start` to `end` (offsets in the old text) becomes `text`. */
interface Splice {
  start: number;
  end: number;
  text: string;
}

const noBytes = new Uint8Array();

/**
 * Writes profiles into one file. Starting what is started changes only the values that differ.
 * @param bytes the file, undefined when there is none
 * @throws LeappError `conflict` when a section holds other credentials and `replace` is off; `file` when tools
 * would disagree on the result. Nothing is written then.
 */
export function startProfiles(
  bytes: Uint8Array | undefined,
  kind: AwsFileKind,
  entries: readonly ProfileEntry[],
  options: StartOptions = {},
): Started {
  const file = parseAwsFile(bytes ?? noBytes, kind);
  refuseBinary(file);
  const notices = new Set<string>();
  const active = new Map<string, Undo>();
  for (const undo of options.active ?? []) if (undo.file === kind) active.set(undo.profile, undo);
  const createdFile = bytes === undefined || [...active.values()].some((undo) => undo.createdFile);
  const index = indexSections(file, entries);
  const eol = newlineOf(file);

  const splices: Splice[] = [];
  const parked: Parked[] = [];
  const undo = new Map<string, Undo>();
  const appended: ProfileEntry[] = [];
  for (const entry of entries) {
    checkEntry(entry);
    if (undo.has(entry.profile)) throw new LeappError("invalid", `profile ${entry.profile} is given twice`);
    const base = { file: kind, profile: entry.profile, ...(createdFile ? { createdFile } : {}) };
    const before = active.get(entry.profile);
    const holds = index.get(entry.profile)!.some((one) => otherCredentials(one, before).length > 0);
    if (entry.keys.length === 0 && !before?.parked && !holds) continue;
    const section = findSection(file, index, entry.profile, notices);
    if (entry.rotates && !(section && applies(before, section))) continue;
    if (!section) {
      if (entry.keys.length) appended.push(entry);
      undo.set(entry.profile, { ...base, keys: [], ...(before?.parked ? { parked: true } : {}) });
      continue;
    }
    const previous = applies(before, section) ? before : adopt(file, section, entry.profile);
    const held = otherCredentials(section, previous);
    const draft: Undo = {
      ...base,
      ...(previous?.created ? { created: previous.created } : {}),
      ...(previous?.parked ? { parked: true } : {}),
      keys: [],
    };
    if (held.length === 0) {
      draft.keys = writeKeys(file, section, entry, previous, eol, splices, notices);
    } else if (options.replace && !previous) {
      parked.push(park(file, section, entry, eol, splices));
      draft.parked = true;
      draft.keys = entry.keys.map(([name, value]) => ({ name, wrote: [mark(kind, value)] }));
    } else {
      throw new LeappError("conflict", `profile ${entry.profile} in ${named(kind)} holds ${list(held)}`, {
        hint: previous ? "stop it and start it again" : "use --replace to park it until stop",
      });
    }
    undo.set(entry.profile, draft);
  }

  const tail = appendSections(file, appended, eol, active, undo);
  for (const notice of fileNotices(file)) notices.add(notice);
  return {
    bytes: splices.length || tail ? fromBinary(splice(file.text, splices) + tail) : bytes,
    undo: [...undo.values()],
    parked,
    notices: [...notices],
  };
}

/**
 * Takes profiles out of one file: removes what we wrote and nothing else, restores what we replaced or parked. A
 * line of ours that the person has changed is theirs and stays, and so does what they added.
 */
export function stopProfiles(
  bytes: Uint8Array | undefined,
  kind: AwsFileKind,
  undos: readonly Undo[],
  parked: readonly Parked[] = [],
): Stopped {
  const file = parseAwsFile(bytes ?? noBytes, kind);
  const { text } = file;
  const mine = undos.filter((undo) => undo.file === kind);
  const index = indexSections(file, mine);
  const texts = new Map<string, Parked>();
  for (const one of parked) if (one.file === kind) texts.set(one.profile, one);

  const splices: Splice[] = [];
  const kept: Parked[] = [];
  const returning: string[] = [];
  const notices: string[] = [];
  for (const undo of mine) {
    const section = mostOurs(undo, index.get(undo.profile) ?? []);
    const park = undo.parked ? texts.get(undo.profile) : undefined;
    if (!section) {
      const others = index.get(undo.profile) ?? [];
      if (!park || others.some((one) => sectionText(file, one) === unpack(park.text))) continue;
      if (others.length === 0) {
        returning.push(unpack(park.text).trimStart());
      } else {
        kept.push(park);
        notices.push(`profile ${undo.profile} was rewritten since its section was parked; it stays parked`);
      }
      continue;
    }
    const keys = section.keys.filter((key) => owner(undo, key));
    if (park) {
      restoreParked(file, section, keys, unpack(park.text), splices);
    } else if (undo.created && !hasOther(file, section, keys)) {
      let start = section.start;
      const { blank } = undo.created;
      const line = start - blank.length;
      if (text.endsWith(blank, start) && (line === file.bom || text[line - 1] === "\n")) start = line;
      splices.push({ start, end: section.bodyStart, text: "" });
      for (const key of keys) {
        splices.push({ start: lineStart(text, key.start), end: afterTerminator(text, key.end), text: "" });
      }
    } else {
      for (const key of keys) splices.push(takeBack(text, key, owner(undo, key)!));
    }
  }

  let result = splice(text, splices);
  const cut = cutAtEnd(text, splices);
  if (cut !== undefined) {
    const joined = joinedBefore(file, cut, mine);
    if (joined && result.endsWith(joined)) result = result.slice(0, -joined.length);
  }
  for (const section of returning) {
    const eol = newlineOf(file);
    result += (result === "" || result.endsWith("\n") ? "" : eol) + section + eol;
  }
  const gone = result === "" && (bytes === undefined || mine.some((undo) => undo.createdFile));
  return {
    bytes: gone ? undefined : splices.length || returning.length ? fromBinary(result) : (bytes ?? noBytes),
    kept,
    notices,
  };
}

// ---- finding -------------------------------------------------------------------------------------------------

type SectionIndex = Map<string, AwsSection[]>;

/** The sections that some tool reads as one of these profiles. */
function indexSections(file: AwsFile, wanted: readonly { profile: string }[]): SectionIndex {
  const index: SectionIndex = new Map(wanted.map(({ profile }) => [profile, []]));
  for (const section of file.sections) for (const name of section.names) index.get(name)?.push(section);
  return index;
}

/** The one section of a profile that every tool reads as such, or undefined when there is none. */
function findSection(
  file: AwsFile,
  index: SectionIndex,
  profile: string,
  notices: Set<string>,
): AwsSection | undefined {
  const where = named(file.kind);
  const refuse = (message: string, hint: string) => new LeappError("file", message, { hint });
  const line = (offset: number) => lineOf(file, offset);

  const disputed = file.disputed.get(profile);
  if (disputed !== undefined) {
    throw refuse(
      `the header of profile ${profile} in line ${line(disputed)} of ${where} is indented`,
      "move it to the start of its line",
    );
  }
  const found = index.get(profile) ?? [];
  let section = found[0];
  if (found.length > 1) {
    const last = found.at(-1)!;
    const spellings = file.kind === "config" && profile === "default" && found.length === 2;
    if (!spellings || found[0]!.header !== "default" || last.header === "default") {
      throw refuse(
        `${where} has profile ${profile} more than once, in lines ${list(found.map((s) => `${line(s.start)}`))}`,
        "make one section of them",
      );
    }
    section = last;
    notices.add(
      "[default] and [profile default] are both there: go v1 reads the first, all others the second",
    );
  }
  if (!section) return undefined;
  const usual = file.kind === "credentials" || /^(profile\s|default$)/.test(section.header);
  if (section.profile !== profile || !usual) {
    throw refuse(
      `the header [${decode(section.header)}] in line ${line(section.start)} of ${where} is read in different ways`,
      `write it as ${decode(headerOf(file.kind, profile))}`,
    );
  }
  if (file.kind === "config" && /^profile\s{2}/.test(section.header)) {
    notices.add(`javascript cannot read [${decode(section.header)}]: write it with one blank`);
  }
  const { problem, doubt } = section;
  if (problem || doubt) {
    const { message, offset } = (problem ?? doubt)!;
    const who = problem ? "boto and the aws cli cannot read" : "aws tools disagree on";
    throw refuse(`${who} profile ${profile} in ${where}: ${message}`, `mend line ${line(offset!)}`);
  }
  return section;
}

/** `[profile NAME]` in UTF-8 as botocore needs it: quoted for shlex where NAME has blanks, quotes or a backslash. */
function headerOf(kind: AwsFileKind, profile: string): string {
  if (kind === "credentials" || profile === "default") return encode(`[${profile}]`);
  return encode(
    /[\s"'\\]/.test(profile) ? `[profile "${profile.replace(/["\\]/g, "\\$&")}"]` : `[profile ${profile}]`,
  );
}

/** A value as an undo keeps it. */
function mark(kind: AwsFileKind, value: string): string {
  return kind === "config" ? value : createHash("sha256").update(value).digest("hex").slice(0, 16);
}

/** The undo's key when the value in the file is still one that we wrote. */
function owner(undo: Undo | undefined, key: AwsKey): UndoKey | undefined {
  const own = undo?.keys.find(({ name }) => name === key.name);
  if (!own) return undefined;
  return own.wrote.includes(mark(undo!.file, decode(key.value))) || isOurCommand(key) ? own : undefined;
}

function applies(undo: Undo | undefined, section: AwsSection): undo is Undo {
  if (!undo) return false;
  // A section was parked for the credentials in it: its stand-in holds ours, or (before ours got there) none.
  if (undo.parked && otherCredentials(section, undo).length === 0) return true;
  // The parked section may well come with our region: only credentials tell it from its stand-in.
  return section.keys.some((key) => owner(undo, key) && (!undo.parked || isCredential(key)));
}

/** Of sections of one name the one with most lines of ours, if any has one. */
function mostOurs(undo: Undo, sections: readonly AwsSection[]): AwsSection | undefined {
  const count = (section: AwsSection) => section.keys.filter((key) => owner(undo, key)).length;
  const best = sections.reduce<AwsSection | undefined>(
    (a, b) => (a && count(a) > count(b) ? a : b),
    undefined,
  );
  return best && applies(undo, best) ? best : undefined;
}

/** `… leapp session generate ID`: ours, or the old product's, whoever recorded it. */
function isOurCommand({ name, value }: AwsKey): boolean {
  return (
    name === "credential_process" && /(^|[\\/])leapp(-core)?(\.exe)?['"]? session generate \S+$/.test(value)
  );
}

/** An undo for a line of ours that nobody recorded: another home's, a lost database's, the old product's. */
function adopt(file: AwsFile, section: AwsSection, profile: string): Undo | undefined {
  const command = section.keys.find(isOurCommand);
  if (!command) return undefined;
  const whole =
    section.keys.every((key) => key === command || key.name === "region") &&
    !hasOther(file, section, section.keys);
  const { text } = file;
  const blankStart = beforeTerminator(text, section.start);
  return {
    file: file.kind,
    profile,
    ...(whole
      ? {
          created: {
            blank: lineStart(text, blankStart) === blankStart ? text.slice(blankStart, section.start) : "",
          },
        }
      : {}),
    keys: (whole ? section.keys : [command]).map(({ name, value }) => ({ name, wrote: [decode(value)] })),
  };
}

const credentialKeys = new Set([
  "aws_access_key_id",
  "aws_secret_access_key",
  "aws_session_token",
  "role_arn",
  "source_profile",
  "credential_source",
  "web_identity_token_file",
  "login_session",
  "credential_process",
]);

function isCredential({ name }: Pick<AwsKey, "name">): boolean {
  return credentialKeys.has(name) || name.startsWith("sso_");
}

/** What a section holds that makes some tool look elsewhere for credentials, in words; empty when nothing. */
export function otherCredentials(section: AwsSection, undo?: Undo): string[] {
  const held = new Set<string>();
  for (const key of section.keys) {
    if (!isCredential(key) || owner(undo, key)) continue;
    if (/^aws_(access|secret|session)/.test(key.name)) held.add("static keys");
    else if (key.name === "credential_process") held.add("another credential_process");
    else held.add(key.name.startsWith("sso_") ? "an sso sign-in (sso_*)" : key.name);
  }
  return [...held];
}

// ---- writing -------------------------------------------------------------------------------------------------

function writeKeys(
  file: AwsFile,
  section: AwsSection,
  entry: ProfileEntry,
  previous: Undo | undefined,
  eol: string,
  splices: Splice[],
  notices: Set<string>,
): UndoKey[] {
  const keys: UndoKey[] = [];
  const missing: string[] = [];
  for (const [name, value] of entry.keys) {
    const now = mark(file.kind, value);
    const found = section.keys.find((key) => key.name === name);
    const own = found && owner(previous, found);
    if (found && lineStart(file.text, found.start) < found.start) {
      notices.add(`profile ${entry.profile} has ${name} indented: javascript and ruby may not read it`);
    }
    if (!found) {
      missing.push(`${name}=${encode(value)}`);
      keys.push({ name, wrote: [now] });
    } else if (own && !isOriginal(file.text, found, own)) {
      const old = mark(file.kind, decode(found.value));
      // The value in the file stays known as ours: this edit may never reach the disk.
      keys.push({ ...own, wrote: old === now ? [now] : [now, old] });
      const plain = isPlain(file.text, found);
      if (old !== now && plain)
        splices.push({ start: found.valueStart, end: found.end, text: encode(value) });
      if (!plain) splices.push({ start: found.start, end: found.end, text: `${name}=${encode(value)}` });
    } else if (decode(found.value) !== value || !isPlain(file.text, found)) {
      const original = pack(file.text.slice(found.start, found.end));
      keys.push({ name, wrote: [now], original });
      splices.push({ start: found.start, end: found.end, text: `${name}=${encode(value)}` });
    }
  }
  for (const key of section.keys) {
    const own = owner(previous, key);
    if (!own || entry.keys.some(([name]) => name === key.name)) continue;
    splices.push(takeBack(file.text, key, own));
    // Not forgotten, since the line stays should this edit never reach the disk.
    keys.push(own);
  }
  if (missing.length) insertLines(file, section, missing, eol, splices, notices, entry.profile);
  if (file.kind === "config" && !previous) {
    const strict = section.keys.find(({ name }) => name === "services" || name === "endpoint_url");
    if (strict)
      notices.add(`profile ${entry.profile} also has ${strict.name}: .net does not run leapp for it`);
  }
  return keys;
}

/** The person's own line is back since we gave up that key. */
function isOriginal(text: string, key: AwsKey, { original }: UndoKey): boolean {
  return original !== undefined && unpack(original) === text.slice(key.start, key.end);
}

/** Written as every reader wants it: lower-case and with `=`. */
function isPlain(text: string, { name, start, valueStart }: AwsKey): boolean {
  return text.startsWith(name, start) && text.slice(start + name.length, valueStart).trim() === "=";
}

/**
 * Puts lines where no reader takes what follows for their continuation: after the header, or further down before
 * the first line that is not indented.
 */
function insertLines(
  file: AwsFile,
  section: AwsSection,
  lines: string[],
  eol: string,
  splices: Splice[],
  notices: Set<string>,
  profile: string,
): void {
  const { text } = file;
  let at = section.bodyStart;
  let next = lineAfter(text, at);
  while (next.indent !== "" && next.start < section.end) {
    at = nextLine(text, next.start);
    next = lineAfter(text, at);
  }
  let { indent } = next;
  if (indent !== "") {
    at = section.bodyStart;
    indent = lineAfter(text, at, false).indent;
    notices.add(`profile ${profile} is indented: ruby, rust, java and c++ cannot read it`);
  }
  at = beforeTerminator(text, at);
  splices.push({ start: at, end: at, text: lines.map((line) => eol + indent + line).join("") });
}

/** Puts our lines in the place of a section, its header excepted. */
function park(
  file: AwsFile,
  section: AwsSection,
  entry: ProfileEntry,
  eol: string,
  splices: Splice[],
): Parked {
  const { text } = file;
  const end = contentEnd(file, section);
  const { indent } = lineAfter(text, afterTerminator(text, end), false);
  const lines = entry.keys.map(([name, value]) => `${eol}${indent}${name}=${encode(value)}`).join("");
  splices.push({ start: section.headerEnd, end, text: lines });
  return { file: file.kind, profile: entry.profile, text: pack(text.slice(section.start, end)) };
}

function appendSections(
  file: AwsFile,
  entries: readonly ProfileEntry[],
  eol: string,
  active: ReadonlyMap<string, Undo>,
  undo: Map<string, Undo>,
): string {
  const { text, bom } = file;
  const empty = text.length === bom;
  const open = !empty && !text.endsWith("\n");
  const lastStart = lineStart(text, open ? text.length : beforeTerminator(text, text.length));
  let blank = !empty && /\S/.test(text.slice(lastStart)) ? eol : "";

  // Sections of ours at the end share the terminator that the first of them gave to what stands before them.
  let joined: { header: string; newline: string } | undefined;
  const ours = (section: AwsSection | undefined) => {
    const one = section?.profile === undefined ? undefined : active.get(section.profile);
    return one?.created && applies(one, section!) ? one.created : undefined;
  };
  let last = file.sections.length - 1;
  while (ours(file.sections[last])) last--;
  const header = file.sections[last]?.header ?? "";
  if (open && last === file.sections.length - 1) joined = { header, newline: eol };
  else joined = [...active.values()].find((one) => one.created?.joined?.header === header)?.created?.joined;

  let tail = open && entries.length ? eol : "";
  for (const { profile, keys } of entries) {
    tail += blank + headerOf(file.kind, profile) + eol;
    for (const [name, value] of keys) tail += `${name}=${encode(value)}${eol}`;
    const draft = undo.get(profile)!;
    draft.created = { blank, ...(joined ? { joined } : {}) };
    draft.keys = keys.map(([name, value]) => ({ name, wrote: [mark(file.kind, value)] }));
    blank = eol;
  }
  return tail;
}

// ---- taking back ---------------------------------------------------------------------------------------------

/** Puts a parked section back; what the person wrote since stays, and wins where both have a key. */
function restoreParked(
  file: AwsFile,
  section: AwsSection,
  keys: readonly AwsKey[],
  original: string,
  splices: Splice[],
): void {
  const { text } = file;
  const added = new Set(section.keys.filter((key) => !keys.includes(key)).map(({ name }) => name));
  let back = original;
  if (added.size) {
    const old = parseAwsFile(fromBinary(original), file.kind);
    const clash = old.sections.flatMap((one) => one.keys.filter(({ name }) => added.has(name)));
    back = splice(
      original,
      clash.map((key) => lineSplice(original, key)),
    );
  }
  // Our lines that follow the header directly go with it, the others each on its own.
  let end = section.headerEnd;
  for (const key of keys) {
    if (lineStart(text, key.start) === afterTerminator(text, end)) end = key.end;
    else splices.push(lineSplice(text, key));
  }
  splices.push({ start: section.start, end, text: back });
}

/**
 * Whether a section has lines besides `keys`. A comment that a blank line parts from them and that stands before
 * the next header belongs to that header.
 */
function hasOther(file: AwsFile, section: AwsSection, keys: readonly AwsKey[]): boolean {
  const { text } = file;
  if (section.keys.length > keys.length) return true;
  let at = section.bodyStart;
  for (const key of keys) {
    if (/\S/.test(text.slice(at, lineStart(text, key.start)))) return true;
    at = afterTerminator(text, key.end);
  }
  const rest = text.slice(at, section.end);
  if (!/\S/.test(rest)) return false;
  return section.end === text.length || /^[^\r\n]*\S/.test(rest) || /^[ \t]+\S/m.test(rest);
}

/** End of a section's last line, before the blank lines and comments that lead to the next header. */
function contentEnd(file: AwsFile, section: AwsSection): number {
  const { text } = file;
  let end = section.keys.at(-1)?.end ?? section.headerEnd;
  for (let at = afterTerminator(text, end); at < section.end; at = nextLine(text, at)) {
    const line = text.slice(at, beforeTerminator(text, nextLine(text, at)));
    // An indented comment is a continuation to some readers: it must not follow a line of ours.
    if (/^[ \t]+\S/.test(line)) end = at + line.length;
  }
  return end;
}

function sectionText(file: AwsFile, section: AwsSection): string {
  return file.text.slice(section.start, contentEnd(file, section));
}

/** Where the removed text starts when it reaches the end of the file. */
function cutAtEnd(text: string, splices: readonly Splice[]): number | undefined {
  let cut = text.length;
  for (let i = splices.length - 1; i >= 0; i--) {
    const one = splices[i]!;
    if (one.text !== "" || one.end < cut) break;
    cut = Math.min(cut, one.start);
  }
  return cut < text.length ? cut : undefined;
}

/** The terminator we gave to the text that now ends at `cut`. */
function joinedBefore(file: AwsFile, cut: number, undos: readonly Undo[]): string | undefined {
  const header = file.sections.findLast((section) => section.start < cut)?.header ?? "";
  return undos.find((undo) => undo.created?.joined?.header === header)?.created?.joined?.newline;
}

// ---- text ----------------------------------------------------------------------------------------------------

/** Sorts `splices` in place and applies them; they never overlap. */
function splice(text: string, splices: Splice[]): string {
  if (splices.length === 0) return text;
  splices.sort((a, b) => a.start - b.start || a.end - b.end);
  const parts: string[] = [];
  let at = 0;
  for (const one of splices) {
    parts.push(text.slice(at, one.start), one.text);
    at = Math.max(at, one.end);
  }
  parts.push(text.slice(at));
  return parts.join("");
}

/**
 * Removes the lines of a key with the terminator in front of them, as `insertLines` put them there: so the last line
 * of a file keeps its terminator, or its lack of one.
 */
function lineSplice(text: string, key: AwsKey): Splice {
  return { start: beforeTerminator(text, lineStart(text, key.start)), end: key.end, text: "" };
}

/** Removes a line of ours, or restores what stood there. */
function takeBack(text: string, key: AwsKey, own: UndoKey): Splice {
  if (own.original === undefined) return lineSplice(text, key);
  return { start: key.start, end: key.end, text: unpack(own.original) };
}

function lineStart(text: string, at: number): number {
  while (at > 0 && text[at - 1] !== "\n" && text[at - 1] !== "\r") at--;
  return at;
}

function nextLine(text: string, at: number): number {
  while (at < text.length && text[at] !== "\n" && text[at] !== "\r") at++;
  return afterTerminator(text, at);
}

/**
 * The first line, from the one at `at` on, that could continue a value, and its indentation: blank lines and
 * comments could not. An indented comment does for some readers, and counts unless `strict` is off.
 */
function lineAfter(text: string, at: number, strict = true): { start: number; indent: string } {
  for (let start = at; start < text.length; start = nextLine(text, start)) {
    let first = start;
    while (isIndent(text.charCodeAt(first))) first++;
    const comment = text[first] === "#" || text[first] === ";";
    const empty = first === text.length || text[first] === "\n" || text[first] === "\r";
    if (!empty && !(comment && (first === start || !strict)))
      return { start, indent: text.slice(start, first) };
  }
  return { start: text.length, indent: "" };
}

/** The terminator of the first line. */
function newlineOf({ text }: AwsFile): string {
  const feed = text.indexOf("\n");
  return feed > 0 && text[feed - 1] === "\r" ? "\r\n" : "\n";
}

function pack(text: string): string {
  return Buffer.from(text, "latin1").toString("base64");
}

function unpack(text: string): string {
  return toBinary(Buffer.from(text, "base64"));
}

// ---- words ---------------------------------------------------------------------------------------------------

function named(kind: AwsFileKind): string {
  return `the aws ${kind} file`;
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Nothing that is written may reach into another line. */
function checkEntry({ profile, keys }: ProfileEntry): void {
  // biome-ignore lint: control characters are what is looked for
  if (profile.trim() !== profile || !/^[^\x00-\x1f\x7f\]]+$/.test(profile)) {
    throw new LeappError("invalid", `${JSON.stringify(profile)} cannot be the name of a profile`);
  }
  for (const [name, value] of keys) {
    // biome-ignore lint: control characters are what is looked for
    if (!/^[a-z_]+$/.test(name) || value === "" || value.trim() !== value || /[\x00-\x1f\x7f]/.test(value)) {
      throw new LeappError("invalid", `the value of ${name} for profile ${profile} does not fit on one line`);
    }
  }
}

/** Text in UTF-16 or with NUL bytes is not what our bytes can be added to. */
function refuseBinary({ kind, text }: AwsFile): void {
  const utf16 = text.startsWith("\xff\xfe") || text.startsWith("\xfe\xff");
  if (!utf16 && !text.includes("\0")) return;
  throw new LeappError(
    "file",
    `${named(kind)} ${utf16 ? "is UTF-16" : "has NUL bytes"}, so no aws tool can read it`,
    {
      hint: "save it as UTF-8",
    },
  );
}

/** What was wrong with the file before us and keeps some tools from reading it. */
function fileNotices(file: AwsFile): string[] {
  const { kind, bom, text } = file;
  const lines: string[] = [];
  const indented = file.sections.flatMap(({ keys }) => keys).find(({ start }) => isIndented(text, start));
  if (indented) {
    const line = lineOf(file, indented.start);
    lines.push(`java, kotlin and rust cannot read ${named(kind)}: it has an indented key (line ${line})`);
  }
  const problem = file.problems[0];
  if (!problem) return lines;
  if (bom) {
    return [
      `${named(kind)} starts with a byte order mark: boto, the aws cli, go, ruby, java and rust cannot read it`,
    ];
  }
  const where = problem.offset === undefined ? "" : ` (line ${lineOf(file, problem.offset)})`;
  return [`boto and the aws cli cannot read ${named(kind)}: ${problem.message}${where}`, ...lines];
}

const isIndented = (text: string, at: number) => at > 0 && isIndent(text.charCodeAt(at - 1));
