// A page with a Rasa widget, without the page: the real socket.io-client, used as rasa-webchat (3.1.2) and RasaHQ's chat
// widget (4.x) use it. `node rasa_widget.mjs <package> <url> <session or ""> [token or ""] [transport]`; lines of JSON go both
// ways.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [name, url, session, token, transport] = process.argv.slice(2);
const { io } = createRequire(new URL("../../bot/web/", import.meta.url))(name);
const tell = (event, data) => process.stdout.write(JSON.stringify({ event, data: data ?? null }) + "\n");

// Delays shorter than a browser's, so that tests do not wait.
const options = { reconnectionDelay: 50, reconnectionDelayMax: 200 };
if (token) options.auth = { token };
if (transport) options.transports = [transport];
const socket = io(url, options);
let known = session || null;
socket.on("connect", () => socket.emit("session_request", { session_id: known }));
socket.on("session_confirm", (confirmed) => {
  known = confirmed && confirmed.session_id ? confirmed.session_id : confirmed; // As rasa-webchat reads it.
  tell("session_confirm", known);
});
socket.on("bot_uttered", (data, ...more) => tell("bot_uttered", more.length ? [data, ...more] : data));
socket.on("disconnect", (reason) => tell("disconnect", reason));
socket.on("connect_error", (error) => tell("connect_error", error.message));

createInterface({ input: process.stdin }).on("line", (line) => {
  const { say, cut, end } = JSON.parse(line);
  if (say !== undefined) socket.emit("user_uttered", { message: say, session_id: known, customData: { language: "en" } });
  if (cut) socket.io.engine.transport.ws?.terminate();
  if (end) process.exit(0);
});
