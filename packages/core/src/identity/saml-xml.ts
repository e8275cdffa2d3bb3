/**
 * Elements, attributes and text of an XML document, enough to read a SAML response: namespaces by local name only,
 * the five entities of XML and numbers. A document type is refused, and with it every entity of its own making.
 */

export interface Element {
  /** Without its prefix. */
  name: string;
  attributes: Record<string, string>;
  children: Element[];
  /** Its own text, without that of its children. */
  text: string;
}

const maxElements = 20_000;
const maxDepth = 100;

const token =
  /<!--[^]*?-->|<\?[^]*?\?>|<!\[CDATA\[([^]*?)\]\]>|<(\/?)([^\s<>/!?="'&]+)((?:"[^"]*"|'[^']*'|[^"'<>])*?)(\/?)>|([^<]+)/y;
const attribute = /\s+([^\s="'<>/]+)\s*=\s*("[^"]*"|'[^']*')/y;
const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The root element. @throws Error for what is not well-formed, too deep, or has a document type. */
export function parseXml(text: string): Element {
  const root: Element = { name: "", attributes: {}, children: [], text: "" };
  const open = [{ element: root, tag: "" }];
  let elements = 0;
  token.lastIndex = text.startsWith("\ufeff") ? 1 : 0;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const found = token.exec(text);
    if (!found) throw new Error(`not well-formed XML at character ${at}`);
    const [, literal, closing, tag, given = "", empty, plain] = found;
    const { element, tag: current } = open[open.length - 1]!;
    if (literal !== undefined) element.text += literal;
    else if (plain !== undefined) element.text += decode(plain);
    else if (tag !== undefined && closing) {
      if (tag !== current || given.trim() || empty) throw new Error(`not well-formed XML at character ${at}`);
      open.pop();
    } else if (tag !== undefined) {
      if (++elements > maxElements || open.length > maxDepth) throw new Error("too many elements");
      const child = { name: localName(tag), attributes: attributes(given), children: [], text: "" };
      element.children.push(child);
      if (!empty) open.push({ element: child, tag });
    }
  }
  const [first, ...others] = root.children;
  if (open.length > 1 || !first || others.length > 0 || root.text.trim())
    throw new Error("not one XML document");
  return first;
}

/** The element itself and all below it with that local name, in the document's order. */
export function* elementsNamed(element: Element, name: string): Generator<Element> {
  if (element.name === name) yield element;
  for (const child of element.children) yield* elementsNamed(child, name);
}

function attributes(text: string): Record<string, string> {
  const found: Record<string, string> = Object.create(null);
  const end = text.trimEnd().length;
  attribute.lastIndex = 0;
  while (attribute.lastIndex < end) {
    const [, name = "", value = ""] = attribute.exec(text) ?? fail();
    if (name in found) fail();
    found[name] = decode(value.slice(1, -1));
  }
  return found;
}

function fail(): never {
  throw new Error("not well-formed attributes");
}

const localName = (tag: string) => tag.slice(tag.indexOf(":") + 1);

function decode(text: string): string {
  return text.replace(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|(\w+));|&/gi, (_, hex, decimal, name) => {
    const code = hex ? Number.parseInt(hex, 16) : Number(decimal);
    const character = name ? entities[name] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
    if (character === undefined) throw new Error("an entity that XML does not know");
    return character;
  });
}
