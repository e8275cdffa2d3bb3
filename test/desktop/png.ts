/** Pictures of few colours take a third of the space: PNGs with a palette, as docs/screenshots keeps them. */
import { crc32, deflateSync, inflateSync } from "node:zlib";

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The same picture in at most 256 colours. Takes what browsers write: 8 bits, RGB or RGBA, not interlaced. */
export function withPalette(png: Buffer): Buffer {
  const parts = chunks(png);
  const header = parts.find(({ type }) => type === "IHDR")!.data;
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const size = header[9] === 6 ? 4 : 3;
  const body = Buffer.concat(parts.filter(({ type }) => type === "IDAT").map(({ data }) => data));
  const pixels = unfiltered(inflateSync(body), width * size, height, size);

  const counts = new Map<number, number>();
  const colours = new Uint32Array(width * height);
  for (let at = 0; at < colours.length; at++) {
    const colour = pixels.readUIntBE(at * size, 3);
    colours[at] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = paletteOf([...counts].sort((a, b) => b[1] - a[1]).map(([colour]) => colour));
  const places = new Map([...counts.keys()].map((colour) => [colour, nearest(palette, colour).place]));

  const lines = Buffer.alloc((width + 1) * height);
  for (let at = 0; at < colours.length; at++)
    lines[at + Math.floor(at / width) + 1] = places.get(colours[at]!)!;
  // 8 bits a pixel, each a place in the palette.
  header.set([8, 3], 8);
  const table = Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]));
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("PLTE", table),
    chunk("IDAT", deflateSync(lines, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** Surfaces and text as they are; after those only what none of them comes near. */
function paletteOf(mostUsed: readonly number[]): number[] {
  const palette = mostUsed.slice(0, 128);
  for (const colour of mostUsed.slice(128))
    if (palette.length < 256 && nearest(palette, colour).distance > 200) palette.push(colour);
  return palette;
}

function nearest(palette: readonly number[], colour: number): { place: number; distance: number } {
  let best = { place: 0, distance: Number.POSITIVE_INFINITY };
  for (const [place, one] of palette.entries()) {
    const [red, green, blue] = [16, 8, 0].map((bits) => ((one >> bits) & 255) - ((colour >> bits) & 255));
    const distance = red! ** 2 + green! ** 2 + blue! ** 2;
    if (distance < best.distance) best = { place, distance };
  }
  return best;
}

function chunks(png: Buffer): { type: string; data: Buffer }[] {
  const found: { type: string; data: Buffer }[] = [];
  for (let at = signature.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    found.push({ type, data: Buffer.from(png.subarray(at + 8, at + 8 + length)) });
    at += length + 12;
  }
  return found;
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const whole = Buffer.alloc(named.length + 8);
  whole.writeUInt32BE(data.length, 0);
  named.copy(whole, 4);
  whole.writeUInt32BE(crc32(named), named.length + 4);
  return whole;
}

/** Takes back the five filters of https://www.w3.org/TR/png-3/#9Filters. */
function unfiltered(lines: Buffer, width: number, height: number, size: number): Buffer {
  const pixels = Buffer.alloc(width * height);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (width + 1)];
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const left = x < size ? 0 : pixels[at - size]!;
      const up = y === 0 ? 0 : pixels[at - width]!;
      const corner = x < size || y === 0 ? 0 : pixels[at - width - size]!;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter!]!;
      pixels[at] = lines[y * (width + 1) + 1 + x]! + guess;
    }
  }
  return pixels;
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
