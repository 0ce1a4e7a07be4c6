// The peer of the intake benchmark: a Probot app that keeps every delivery durably before it is answered.
//
// One insert for each delivery, write-ahead log, synchronous=FULL: what a careful author of a Probot app would
// write. Probot answers when the handler has returned, so that 202 means "on disk" here as well.
// Nothing is logged for each request, which is in the peer's favor.

import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { createNodeMiddleware, Probot } from "probot";

const { PEER_DATABASE, PEER_KEY, PEER_SECRET } = process.env;

const database = new DatabaseSync(PEER_DATABASE);
database.exec("PRAGMA journal_mode = WAL");
database.exec("PRAGMA synchronous = FULL");
database.exec(
  "CREATE TABLE IF NOT EXISTS inbox (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, event TEXT, number INTEGER, body TEXT)",
);
const insert = database.prepare(
  "INSERT INTO inbox (id, event, number, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
);

const probot = new Probot({ appId: 12345, privateKey: PEER_KEY, secret: PEER_SECRET, logLevel: "warn" });
const app = (probot) => {
  probot.on("issues.labeled", (context) => {
    insert.run(context.id, context.name, context.payload.issue.number, JSON.stringify(context.payload));
  });
};
const middleware = await createNodeMiddleware(app, { probot, webhooksPath: "/webhook" });
const server = createServer((request, response) => {
  middleware(request, response, () => {
    response.writeHead(404).end();
  });
});
server.listen(0, "127.0.0.1", () => {
  const { address, port } = server.address();
  console.log(`peer listens on http://${address}:${port}`);
});
