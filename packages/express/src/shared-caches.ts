import { createRequire } from 'node:module'
import { sharedCacheHeaders } from '@latchkey/core/adapter'
import type { Response } from 'express'

// The package brings no types, which an import would ask for.
const require = createRequire(import.meta.url)
const onHeaders: (res: Response, listener: () => void) => void = require('on-headers')

/**
 * Keeps answers that belong to one visitor out of shared caches. The headers are set when the response writes its
 * head, so that what the app says later about caching does not win.
 */
export class SharedCaches {
  readonly #watched = new WeakSet<Response>()
  readonly #private = new WeakSet<Response>()

  /**
   * To be called before the app gets the response: of everybody who waits for the head, the first to ask comes last.
   * @param isPrivate asked when the head is written, beside {@link SharedCaches.keepOut}.
   */
  watch(res: Response, isPrivate: () => boolean): void {
    if (this.#watched.has(res)) return
    this.#watched.add(res)
    onHeaders(res, () => {
      if (!this.#private.has(res) && !isPrivate()) return
      for (const [name, value] of Object.entries(sharedCacheHeaders(res.getHeaders()))) {
        res.setHeader(name, value)
      }
    })
  }

  /** This answer depends on who asked. */
  keepOut(res: Response): void {
    this.#private.add(res)
  }
}
