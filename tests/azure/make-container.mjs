// Makes a container in the blob storage of an emulator: node make-container.mjs PORT ACCOUNT KEY CONTAINER
import { createHmac } from "node:crypto";

const [port, account, key, container] = process.argv.slice(2);
const date = new Date().toUTCString();
const version = "2021-08-06";
// Authorize with Shared Key: the method, eleven headers that are empty here, ours, and the resource.
const text =
  "PUT" + "\n".repeat(12) +
  `x-ms-date:${date}\nx-ms-version:${version}\n/${account}/${account}/${container}\nrestype:container`;
const signature = createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
const answer = await fetch(`http://127.0.0.1:${port}/${account}/${container}?restype=container`, {
  method: "PUT",
  headers: { "x-ms-date": date, "x-ms-version": version, Authorization: `SharedKey ${account}:${signature}` },
});
if (!answer.ok) {
  console.error(answer.status, await answer.text());
  process.exit(1);
}
