import type { AnswerPrivacy } from '@latchkey/core/adapter'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { SessionView } from './session-view.ts'

/** What one instance of Latchkey keeps of one request. */
export class RequestState implements AnswerPrivacy {
  /** `request.oauth` is there. */
  isOpened = false
  /** The answer depends on who asked, whatever is in the app's session. */
  isPrivate = false
  /** Somebody waits for the head of the answer. */
  isWatched = false
  /** The app's own session, where it is ours. */
  session: SessionView | undefined
}

/** What a request carries, as far as it is of this file. */
type Carrier = Record<symbol, RequestState | null>

/** Keeps a state on each request. Every instance has its own key, so that several can share an app. */
export class RequestStates {
  readonly #key = Symbol('latchkey')

  /** Makes room for it in all requests of a scope. */
  decorate(app: FastifyInstance): void {
    if (!app.hasRequestDecorator(this.#key)) app.decorateRequest(this.#key, null)
  }

  of(request: FastifyRequest): RequestState {
    const carrier = request as unknown as Carrier // the key is known here alone
    carrier[this.#key] ??= new RequestState()
    return carrier[this.#key] as RequestState // as of the line before
  }
}
