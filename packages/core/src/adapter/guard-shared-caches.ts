import type { ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { sharedCacheHeaders } from '../flows/shared-caches.ts'

// The package brings no types, which an import would ask for.
const require = createRequire(import.meta.url)
const onHeaders: (res: ServerResponse, listener: () => void) => void = require('on-headers')

/** What becomes known of an answer until its head is written. */
export interface AnswerPrivacy {
  /** The answer depends on who asked, whatever is in the app's session. */
  readonly isPrivate: boolean
  /** The app's own session, where it is ours. */
  readonly session: { readonly isShown: boolean } | undefined
  /** Somebody waits for the head of the answer. */
  isWatched: boolean
}

/**
 * Keeps an answer that belongs to one visitor out of shared caches. The headers are set when the response writes its
 * head, so that what the app says later about caching does not win. To be called before the app gets the response: of
 * everybody who waits for the head, the first to ask comes last.
 */
export function guardSharedCaches(res: ServerResponse, answer: AnswerPrivacy): void {
  if (answer.isWatched) return
  answer.isWatched = true
  onHeaders(res, () => {
    if (!answer.isPrivate && !answer.session?.isShown) return
    for (const [name, value] of Object.entries(sharedCacheHeaders(res.getHeaders()))) {
      res.setHeader(name, value)
    }
  })
}
