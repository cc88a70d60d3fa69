/** The package brings no types. */
declare module 'on-headers' {
  import type { ServerResponse } from 'node:http'

  /** Calls the listener when the response is about to write its head. */
  function onHeaders(res: ServerResponse, listener: () => void): void
  export = onHeaders
}
