import type { AuditRecord, CallerProcess } from "../../../../core/src/model.ts";

const fileName = (path: string): string => path.split(/[\\/]/).at(-1) || path;

/** "python3.11", or the process id where the system would not tell. */
export const nameOf = (caller: CallerProcess): string =>
  caller.executable ? fileName(caller.executable) : `process ${caller.pid}`;

/** What started the program, nearest first; the system's first process tells nothing where it tells no name. */
export const parentsOf = ([, ...parents]: readonly CallerProcess[]): CallerProcess[] =>
  parents.filter((one) => one.pid !== 1 || one.executable);

/** The program that asked. */
export const programName = (record: AuditRecord): string =>
  record.callers[0] ? nameOf(record.callers[0]) : methodNames[record.method];

export const methodNames: Record<AuditRecord["method"], string> = {
  "credential-process": "Credential process",
  "credential-file": "Credentials file",
  container: "Container endpoint",
  environment: "Environment",
  "console-url": "Web console",
};
