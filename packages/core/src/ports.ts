/** The only things injected into the core and the agent. Tests fake these and nothing else. */

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /**
   * Calls `run` once `now()` has reached `at` (epoch milliseconds), also when the machine slept over it.
   * Returns a function that cancels.
   */
  at(at: number, run: () => void): () => void;
}

/**
 * Keeps one secret per name in the platform's keychain.
 * @throws LeappError `vault-unavailable` when the keychain is locked or does not answer. It never returns
 * undefined for a secret that exists but cannot be read: "absent" and "unreadable" must not be confused.
 */
export interface SecretStore {
  /** For people: "GNOME Keyring / Secret Service", "macOS Keychain", "Windows Credential Manager". */
  readonly label: string;
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
  delete(name: string): Promise<void>;
}

/**
 * Named secrets, in the vault; one `set` replaces the value in one step.
 * @throws LeappError `vault-locked` or `vault-unavailable`, never "absent" for what cannot be read.
 */
export interface Secrets {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string): Promise<void>;
  delete(name: string): Promise<void>;
}

export interface Question {
  message: string;
  /** Not echoed, not kept in a history. */
  secret?: boolean;
}

/** Asks the person on the terminal. */
export interface Prompt {
  /** @throws LeappError `refused` when the person cancels. */
  ask(question: Question, signal?: AbortSignal): Promise<string>;
}

export interface Browser {
  /** Opens an https (or loopback) URL in the person's browser. Returns false where no browser can open. */
  open(url: string): Promise<boolean>;
}

/** Where things are. Absolute paths, resolved once at start. */
export interface Paths {
  /** LEAPP_HOME: mode 0700, everything of ours. */
  home: string;
  stateFile: string;
  vaultFile: string;
  logFile: string;
  /** Unix socket, or named pipe on Windows. */
  socket: string;
  awsConfig: string;
  awsCredentials: string;
}
