import { LatchkeyError } from '../errors.ts'
import type { Reply } from '../flows/http.ts'
import type { Latchkey, LoginRequirement } from '../latchkey.ts'
import type { AppSessions } from './app-sessions.ts'
import type { Exchange } from './exchange.ts'
import { guardSharedCaches } from './guard-shared-caches.ts'
import { responseBegun } from './response-begun.ts'

/** What becomes of a request, whatever the framework. */
export class Lifecycle<Id extends string, Kept extends Exchange> {
  readonly #core: Pick<Latchkey<Id>, 'route' | 'open' | 'guard' | 'errorReply'>
  readonly #appSessions: AppSessions<Kept> | undefined

  constructor(
    core: Pick<Latchkey<Id>, 'route' | 'open' | 'guard' | 'errorReply'>,
    appSessions: AppSessions<Kept> | undefined,
  ) {
    this.#core = core
    this.#appSessions = appSessions
  }

  /** Answers a request to one of our own paths; false for every other, whose answer is the app's. */
  async route(exchange: Kept): Promise<boolean> {
    const routed = this.#route(exchange)
    return routed !== undefined && this.#answerIfOurs(exchange, await routed)
  }

  /** Gives a request its `oauth` and its session. Never rejects for the store. */
  async open(exchange: Kept): Promise<void> {
    if (exchange.isOpened) return
    guardSharedCaches(exchange.rawResponse, exchange)
    const opening = this.#core.open(
      exchange,
      (make) => this.#answer(exchange, make),
      () => {
        exchange.isPrivate = true
      },
    )
    // Both reads leave at once and share a round trip.
    const reading = this.#appSessions?.attach(exchange)
    exchange.attach(await opening)
    if (reading !== undefined) await reading
    exchange.isOpened = true
  }

  /** {@link Lifecycle.route}, and what is the app's to answer is opened: for a framework that routes nothing for us. */
  async handle(exchange: Kept): Promise<boolean> {
    if (exchange.isOpened) return false
    guardSharedCaches(exchange.rawResponse, exchange)
    const routed = this.#route(exchange)
    if (routed !== undefined && (await this.#answerIfOurs(exchange, await routed))) return true
    await this.open(exchange)
    return false
  }

  /**
   * Lets a request through that meets the requirement. What is behind it sees the `oauth` that was asked, whichever
   * instance opened the request last.
   * @param howToMount said where Latchkey has never seen the request.
   * @throws {LatchkeyError} `not_supported`, and as `Latchkey.guard` does.
   */
  async guard(exchange: Kept, requirement: LoginRequirement<Id>, howToMount: string): Promise<void> {
    const { oauth } = exchange
    if (oauth === undefined) throw new LatchkeyError('not_supported', `requireLogin() ${howToMount}`)
    await this.#core.guard(exchange, oauth, requirement)
    exchange.attach(oauth)
  }

  /** Answers an error of ours; false for every other, and where the response has begun. */
  async answerError(error: unknown, exchange: Kept): Promise<boolean> {
    if (exchange.isAnswered) return false
    return this.#answerIfOurs(exchange, await this.#core.errorReply(error, exchange, exchange.oauth))
  }

  #route(exchange: Kept): Promise<Reply | undefined> | undefined {
    const sessions = this.#appSessions
    if (sessions !== undefined) exchange.beginSession = () => sessions.attach(exchange)
    return this.#core.route(exchange)
  }

  async #answerIfOurs(exchange: Kept, reply: Reply | undefined): Promise<boolean> {
    if (reply !== undefined) await this.#answer(exchange, async () => reply)
    return reply !== undefined
  }

  async #answer(exchange: Kept, make: () => Promise<Reply>): Promise<void> {
    if (exchange.isAnswered) throw responseBegun()
    const reply = await make()
    guardSharedCaches(exchange.rawResponse, exchange) // not yet, when something failed before us
    exchange.isPrivate = true
    if (reply.appSession !== undefined) await this.#appSessions?.change(reply.appSession, exchange)
    await exchange.write(reply)
  }
}
