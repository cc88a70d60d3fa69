import { createRequire } from 'node:module'
import { sharedCacheHeaders } from '@latchkey/core/adapter'
import type { Response } from 'express'
import type { RequestState } from './request-state.ts'

// The package brings no types, which an import would ask for.
const require = createRequire(import.meta.url)
const onHeaders: (res: Response, listener: () => void) => void = require('on-headers')

/**
 * Keeps an answer that belongs to one visitor out of shared caches. The headers are set when the response writes its
 * head, so that what the app says later about caching does not win. To be called before the app gets the response: of
 * everybody who waits for the head, the first to ask comes last.
 */
export function guardSharedCaches(res: Response, state: RequestState): void {
  if (state.isWatched) return
  state.isWatched = true
  onHeaders(res, () => {
    if (!state.isPrivate && !state.session?.isShown) return
    for (const [name, value] of Object.entries(sharedCacheHeaders(res.getHeaders()))) {
      res.setHeader(name, value)
    }
  })
}
