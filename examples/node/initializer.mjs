// Node's fetch as a storage initializer for http:// and https://.
// Run it as `node --use-env-proxy --use-openssl-ca initializer.mjs SRC DEST [SRC DEST ...]`: without these options
// fetch heeds neither HTTPS_PROXY nor SSL_CERT_FILE.
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

async function download(source, dest) {
  // Without the password before @, and without the query, which may hold a signature.
  const shown = source.split("?")[0].replace(/\/\/[^/]*@/, "//");
  if (!/^https?:\/\//.test(source)) throw new Error(`unsupported URI ${shown}: only http:// and https:// are`);
  const url = new URL(source);
  if (url.username) throw new Error(`unsupported URI ${shown}: fetch takes no password in it`);
  const name = decodeURIComponent(url.pathname.split("/").at(-1));
  if (!name || name.includes("/") || name === "..") throw new Error(`invalid URI ${shown}: it must end with a file name`);
  const headers = JSON.parse(process.env[`${url.hostname}-headers`] ?? "{}");
  const partial = join(dest, `.${name}.part`);
  try {
    const response = await fetch(url, { headers });
    if (!response.ok) throw new Error(`status ${response.status} ${response.statusText}`);
    await mkdir(dest, { recursive: true });
    await pipeline(Readable.fromWeb(response.body), createWriteStream(partial));
    await rename(partial, join(dest, name));
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    throw new Error(`cannot download ${shown}: ${error.cause?.message || error.cause?.code || error.message}`);
  }
}

process.on("SIGTERM", () => process.exit(143)); // without a handler the kernel drops it for process 1
const pairs = process.argv.slice(2);
if (!pairs.length || pairs.length % 2) {
  console.error("Usage: initializer SRC DEST [SRC DEST ...]");
  process.exit(2);
}
try {
  while (pairs.length) await download(...pairs.splice(0, 2));
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exit(1);
}
