// Installs the dependencies if need be; used by whatever needs no build.
import { ensureInstalled } from "./run.mjs";

ensureInstalled();
