// The event stream: keeps itself connected, and tells how it stands.
import type { EpochEvent, SchemaEvent } from "./store";

export type Connection = "connecting" | "live" | "lost";

export interface StreamHandlers {
  schema(event: SchemaEvent): void;
  epoch(event: EpochEvent): void;
  connection(state: Connection): void;
}

/** The server sends something at least every 15 s; after this silence the connection is taken for dead. */
const SILENCE_MAX_MS = 40_000;
/** Pause before connecting anew when the browser has given up. */
const RETRY_MS = 1_000;

/** Connects for as long as the page lives. */
export function connect(url: string, handlers: StreamHandlers): void {
  let source: EventSource;
  let heard = performance.now();

  const open = (): void => {
    heard = performance.now();
    source = new EventSource(url);
    const on = <T>(type: string, handle: (event: T) => void): void => {
      source.addEventListener(type, (message) => {
        heard = performance.now();
        handle(JSON.parse((message as MessageEvent<string>).data) as T);
      });
    };
    on<SchemaEvent>("schema", (event) => handlers.schema(event));
    on<EpochEvent>("epoch", (event) => {
      handlers.connection("live");
      handlers.epoch(event);
    });
    on<unknown>("beat", () => handlers.connection("live"));
    source.onerror = () => {
      handlers.connection("lost");
      // A lost connection is retried by the browser; a refused one is not.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, RETRY_MS);
    };
  };

  setInterval(() => {
    if (performance.now() - heard > SILENCE_MAX_MS && source.readyState === EventSource.OPEN) {
      handlers.connection("lost");
      source.close();
      open();
    }
  }, 5_000);
  handlers.connection("connecting");
  open();
}
