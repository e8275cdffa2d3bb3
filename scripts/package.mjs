// Makes dist/leapp_VERSION_ARCH.deb: command line, agent, app, man page, completions. Nothing is downloaded.
//
//   npm run package
//
// It needs what scripts/build-app.mjs needs, and dpkg-dev.
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { buildApp } from "./build-app.mjs";
import { licences } from "./licences.mjs";
import { ask, root, run } from "./run.mjs";

const { version, description } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const architecture = { x64: "amd64", arm64: "arm64" }[process.arch];
if (process.platform !== "linux" || !architecture) fail(`no package for ${process.platform}-${process.arch}`);
if (!buildApp()) process.exit(1);

const tree = join(root, "dist/package");
rmSync(tree, { recursive: true, force: true });

for (const program of ["leapp", "leapp-core", "leapp-app"])
  put(`usr/lib/leapp/${program}`, { from: `dist/${program}`, mode: 0o755 });
mkdirSync(join(tree, "usr/bin"), { recursive: true });
symlinkSync("../lib/leapp/leapp", join(tree, "usr/bin/leapp"));

const shell = "packages/desktop/shell";
put("usr/share/applications/leapp-app.desktop", { from: `${shell}/linux/leapp-app.desktop` });
const icons = "usr/share/icons/hicolor";
put(`${icons}/scalable/apps/leapp-app.svg`, { from: "packages/desktop/ui/public/icon.svg" });
put(`${icons}/512x512/apps/leapp-app.png`, { from: `${shell}/icons/icon.png` });
for (const size of [48, 128, 256])
  put(`${icons}/${size}x${size}/apps/leapp-app.png`, { from: `${shell}/icons/${size}.png` });

put("usr/share/man/man1/leapp.1.gz", { text: gzip(readFileSync(join(root, "docs/man/leapp.1"))) });
put("usr/share/bash-completion/completions/leapp", { from: "docs/completions/leapp.bash" });
put("usr/share/zsh/vendor-completions/_leapp", { from: "docs/completions/_leapp" });
put("usr/share/fish/vendor_completions.d/leapp.fish", { from: "docs/completions/leapp.fish" });

const doc = "usr/share/doc/leapp";
put(`${doc}/changelog.gz`, { text: gzip(readFileSync(join(root, "CHANGELOG.md"))) });
put(`${doc}/third-party.gz`, { text: gzip(licences()) });
put(`${doc}/copyright`, {
  text: `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Leapp

Files: *
Copyright: the Leapp authors
License: Apache-2.0
 The whole text is in /usr/share/common-licenses/Apache-2.0.
Comment:
 What others have written is listed with its licences in /usr/share/doc/leapp/third-party.gz.
`,
});

put("DEBIAN/control", {
  text: `Package: leapp
Version: ${version}
Architecture: ${architecture}
Maintainer: the Leapp authors <leapp@localhost>
Section: utils
Priority: optional
Installed-Size: ${Math.ceil(sizeOf(tree) / 1024)}
Depends: ${neededLibraries()}
Recommends: libayatana-appindicator3-1, xdg-utils
Suggests: gnome-keyring
Description: ${description}
 Leapp keeps long-term keys in a vault and hands temporary credentials to AWS
 tools at the moment they ask, through credential_process profiles. The command
 line does all of it; the app shows what is active, starts and stops sessions
 and asks for MFA codes and sign-ins.
`,
});

const output = join(root, `dist/leapp_${version}_${architecture}.deb`);
// xz is the one that every dpkg in use can read; harder than this it takes minutes.
if (run("dpkg-deb", ["--root-owner-group", "-Zxz", "-z1", "--build", tree, output]) !== 0) fail("dpkg-deb");
rmSync(tree, { recursive: true });
console.log(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB`);

/** Modes are given, whatever the umask is. */
function put(path, { from, text, mode = 0o644 }) {
  const target = join(tree, path);
  mkdirSync(dirname(target), { recursive: true });
  if (from) copyFileSync(join(root, from), target);
  else writeFileSync(target, text);
  chmodSync(target, mode);
  for (let folder = dirname(target); folder.length >= tree.length; folder = dirname(folder))
    chmodSync(folder, 0o755);
}

/** Without the time of packing, so that the same sources give the same file. */
function gzip(text) {
  return gzipSync(text, { level: 9 });
}

/** What the programs are linked with, as packages of this system with the versions they have here. */
function neededLibraries() {
  const work = join(root, "dist/shlibdeps");
  mkdirSync(join(work, "debian"), { recursive: true });
  writeFileSync(join(work, "debian/control"), `Source: leapp\n\nPackage: leapp\nArchitecture: any\n`);
  const programs = ["leapp-core", "leapp-app"].map((name) => `-e${join(tree, "usr/lib/leapp", name)}`);
  const said = ask("dpkg-shlibdeps", ["-O", ...programs], { cwd: work });
  rmSync(work, { recursive: true });
  const found = said?.match(/^shlibs:Depends=(.*)$/m)?.[1];
  if (!found) fail("dpkg-shlibdeps; is dpkg-dev installed?");
  return found;
}

function sizeOf(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, path, name }) => sum + statSync(join(parentPath ?? path, name)).size, 0);
}

function fail(what) {
  console.error(`package failed: ${what}`);
  process.exit(1);
}
