/** SimpleSAMLphp of the Debian package as a company's identity provider: its own login form, its own signatures. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { until } from "../support/leapp.ts";

const installed = "/usr/share/simplesamlphp";
export const simpleSamlPhp =
  existsSync(installed) && Bun.which("php") !== null && Bun.which("openssl") !== null;

export interface IdpPerson {
  user: string;
  password: string;
  /** Values of the attribute Role. */
  roles: string[];
  sessionDuration?: number;
}

export interface SimpleSamlPhp {
  issuer: string;
  /** PEM */
  certificate: string;
  /** Where a sign-in to AWS begins; `postTo` is one of those given at the start, the first when absent. */
  url(postTo?: string): string;
  stop(): Promise<void>;
}

const attributes = "https://aws.amazon.com/SAML/Attributes";

/** @param postTo where AWS takes assertions: the consumer services in the metadata. */
export async function startSimpleSamlPhp(
  folder: string,
  people: IdpPerson[],
  postTo: string[],
): Promise<SimpleSamlPhp> {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}/simplesaml`;
  const issuer = `${base}/saml2/idp/metadata.php`;
  for (const each of ["config", "metadata", "cert", "log", "data", "tmp", "sessions"])
    mkdirSync(join(folder, each), { recursive: true });
  const key = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=idp.test"],
    ...["-keyout", join(folder, "cert/idp.key"), "-out", join(folder, "cert/idp.crt")],
  ]);
  if (key.exitCode !== 0) throw new Error(`openssl: ${key.stderr}`);
  const certificate = readFileSync(join(folder, "cert/idp.crt"), "utf8");

  write("config/config.php", "$config", {
    baseurlpath: `${base}/`,
    certdir: `${folder}/cert/`,
    loggingdir: `${folder}/log/`,
    datadir: `${folder}/data/`,
    tempdir: `${folder}/tmp`,
    metadatadir: `${folder}/metadata/`,
    attributenamemapdir: `${installed}/attributemap/`,
    secretsalt: crypto.randomUUID(),
    "auth.adminpassword": crypto.randomUUID(),
    timezone: "UTC",
    "logging.handler": "file",
    "enable.saml20-idp": true,
    "module.enable": { exampleauth: true, core: true, saml: true },
    "session.cookie.secure": false,
    "session.cookie.samesite": "Lax",
    "session.phpsession.savepath": `${folder}/sessions`,
    "store.type": "phpsession",
    "metadata.sources": [{ type: "flatfile" }],
  });
  write("config/authsources.php", "$config", {
    people: {
      "0": "exampleauth:UserPass",
      ...Object.fromEntries(
        people.map(({ user, password, roles, sessionDuration }) => [
          `${user}:${password}`,
          {
            [`${attributes}/Role`]: roles,
            [`${attributes}/RoleSessionName`]: [`${user}@example.com`],
            [`${attributes}/SessionDuration`]: [String(sessionDuration ?? 28_800)],
          },
        ]),
      ),
    },
  });
  write("metadata/saml20-idp-hosted.php", "$metadata['__DYNAMIC:1__']", {
    host: "__DEFAULT__",
    privatekey: "idp.key",
    certificate: "idp.crt",
    auth: "people",
  });
  write("metadata/saml20-sp-remote.php", "$metadata['urn:amazon:webservices']", {
    AssertionConsumerService: postTo.map((Location, index) => ({
      Binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
      Location,
      index,
    })),
    "simplesaml.nameidattribute": `${attributes}/RoleSessionName`,
    NameIDFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
  });
  // The package's pages below /simplesaml; PHP's own server knows no aliases.
  writeFileSync(
    join(folder, "router.php"),
    `<?php
$path = substr(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), strlen('/simplesaml'));
if (!preg_match('#^(/[\\w./-]+?\\.php)(/.*)?$#', $path, $found)) {
  $file = '${installed}/www' . $path;
  if (!is_file($file)) { http_response_code(404); return true; }
  readfile($file); return true;
}
$_SERVER['SCRIPT_NAME'] = '/simplesaml' . $found[1];
$_SERVER['PHP_SELF'] = $_SERVER['SCRIPT_NAME'] . ($found[2] ?? '');
$_SERVER['SCRIPT_FILENAME'] = '${installed}/www' . $found[1];
if (isset($found[2])) $_SERVER['PATH_INFO'] = $found[2];
chdir(dirname($_SERVER['SCRIPT_FILENAME']));
require $_SERVER['SCRIPT_FILENAME'];
`,
  );

  const server = Bun.spawn(
    ["php", "-d", "error_reporting=0", "-S", `127.0.0.1:${port}`, join(folder, "router.php")],
    {
      env: { PATH: process.env.PATH, SIMPLESAMLPHP_CONFIG_DIR: join(folder, "config") },
      stdio: ["ignore", "ignore", Bun.file(join(folder, "log/php.log"))],
    },
  );
  await until(
    () =>
      fetch(issuer).then(
        (answer) => answer.ok,
        () => false,
      ),
    "SimpleSAMLphp answers",
  );

  function write(file: string, variable: string, value: unknown): void {
    writeFileSync(join(folder, file), `<?php\n${variable} = ${php(value)};\n`);
  }

  return {
    issuer,
    certificate,
    url(consumer) {
      const query = new URLSearchParams({ spentityid: "urn:amazon:webservices" });
      if (consumer) query.set("ConsumerURL", consumer);
      return `${base}/saml2/idp/SSOService.php?${query}`;
    },
    async stop() {
      server.kill();
      await server.exited;
    },
  };
}

/** A PHP literal. */
function php(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(php).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const pairs = Object.entries(value).map(
      ([key, each]) => `${/^\d+$/.test(key) ? key : php(key)} => ${php(each)}`,
    );
    return `[${pairs.join(", ")}]`;
  }
  return typeof value === "string" ? `'${value.replace(/[\\']/g, "\\$&")}'` : String(value);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
