/** How things look to a person: colour, widths, times. Pure; what a terminal is comes in as data. */

/** Where text goes. */
export interface Surface {
  isTerminal: boolean;
  /** Columns of the terminal. */
  width: number;
  color: boolean;
}

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39] } as const;
export type Style = keyof typeof codes;

export function paint(surface: Surface, style: Style, text: string): string {
  if (!surface.color || text === "") return text;
  const [on, off] = codes[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** Text from outside (account names, file contents) must not drive the terminal. */
export function clean(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ");
}

const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;

function cells(character: string): number {
  if (/[\p{Mn}\u200b-\u200d\ufe0f]/u.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

/** Cells that the text takes on a terminal. */
export function textWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += cells(character);
  return width;
}

/** At most `width` cells, with an ellipsis for what is missing. */
export function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const character of text) {
    if (used + cells(character) > width - 1) break;
    kept += character;
    used += cells(character);
  }
  return `${kept}…`;
}

/**
 * Columns side by side, two blanks between. On a terminal the widest columns give way, down to 8 cells, until
 * the table fits; elsewhere nothing is cut.
 */
export function alignRows(rows: readonly (readonly string[])[], surface: Surface, truncate = true): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, textWidth(cell));
    });
  }
  if (truncate && surface.isTerminal) {
    let excess = widths.reduce((sum, width) => sum + width + 2, -2) - surface.width;
    while (excess > 0) {
      const widest = widths.indexOf(Math.max(...widths));
      if (widths[widest]! <= 8) break;
      widths[widest] = widths[widest]! - 1;
      excess--;
    }
  }
  return rows.map((row) =>
    row
      .map((cell, i) => {
        const text = cut(cell, widths[i]!);
        return text + " ".repeat(widths[i]! - textWidth(text));
      })
      .join("  ")
      .trimEnd(),
  );
}

/** A span of time as people say it: "45 s", "43 min", "11 h 59 min", "3 days". Rounded down. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** "expires in 43 min", "expired 5 min ago". Times are epoch milliseconds. */
export function expiry(at: number, now: number): string {
  return at > now ? `expires in ${duration(at - now)}` : `expired ${duration(now - at)} ago`;
}

/** Local wall clock, `2026-11-22 20:17:36`. */
export function localTime(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Words filled into lines of at most `width` cells; an unbreakable word may stand out. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter(Boolean)) {
    if (line && textWidth(line) + 1 + textWidth(word) > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  if (line) lines.push(line);
  return lines;
}
