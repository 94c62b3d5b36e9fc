// A door between page and server that can be shut: to the page that is a server that goes away and comes back.
import { createServer, connect } from "node:net";

export class Proxy {
  #target;
  #server;
  #port = 0;
  #sockets = new Set();

  constructor(target) {
    this.#target = target;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Opens the door, at the same port as before. */
  async listen() {
    this.#server = createServer((client) => {
      const server = connect(Number(this.#target.port || 80), this.#target.hostname);
      for (const [from, to] of [[client, server], [server, client]]) {
        this.#sockets.add(from);
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.on("error", () => to.destroy());
        from.pipe(to);
      }
    });
    await new Promise((done, failed) => {
      this.#server.once("error", failed);
      this.#server.listen(this.#port, "127.0.0.1", done);
    });
    this.#port = this.#server.address().port;
  }

  /** Shuts the door in the face of everyone. */
  async cut() {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((done) => this.#server.close(done));
  }
}
