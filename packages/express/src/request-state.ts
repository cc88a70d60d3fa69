import type { AnswerPrivacy } from '@latchkey/core/adapter'
import type { Request } from 'express'
import type { SessionView } from './session-view.ts'

/** What one instance of Latchkey keeps of one request. */
export class RequestState implements AnswerPrivacy {
  /** `req.oauth` is there. */
  isOpened = false
  /** The answer depends on who asked, whatever is in the app's session. */
  isPrivate = false
  /** Somebody waits for the head of the answer. */
  isWatched = false
  /** The app's own session, where it is ours. */
  session: SessionView | undefined
}

/** What a request carries, as far as it is of this file. */
type Carrier = Record<symbol, RequestState | undefined>

/**
 * Keeps a state on each request, in a hidden property. WeakMaps and WeakSets in its place, one per fact, took a third of
 * the CPU time of a request, most of it in garbage collection. Every instance has its own key, so that several can share
 * an app.
 */
export class RequestStates {
  readonly #key = Symbol('latchkey')

  /** The state of a request, or of the one that an object inherits from. */
  of(req: Request): RequestState {
    const carrier = req as unknown as Carrier // the key is known here alone
    const known = carrier[this.#key]
    if (known !== undefined) return known
    const state = new RequestState()
    Object.defineProperty(carrier, this.#key, { value: state })
    return state
  }
}
