import fastifyCookie from '@fastify/cookie'
import type { SessionStore } from '@fastify/session'
import type { Logger } from '@latchkey/core'
import { type AppSessionParts, AppSessions, type Exchanges } from '@latchkey/core/adapter'
import { stringifySetCookie } from 'cookie'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyExchange } from './exchange.ts'
import { sessionHooks } from './session-library.ts'
import { SessionView, type SessionViewParts } from './session-view.ts'

/** express-session writes its cookies like this, so that the two can share them. */
const cookiePrefix = 's:'

/**
 * The app's own session: @fastify/session over the same store as everything else. Without its cookie and untouched it
 * costs nothing; with its cookie it is read before the app's handlers run.
 */
export class AppSession extends AppSessions<FastifyExchange> {
  readonly #viewParts: SessionViewParts
  readonly #exchanges: Exchanges<FastifyRequest, FastifyReply, FastifyExchange>
  #isDecorated = false

  constructor(
    parts: AppSessionParts,
    log: Logger,
    exchanges: Exchanges<FastifyRequest, FastifyReply, FastifyExchange>,
  ) {
    super(parts, log)
    const { secrets, cookieName, secure } = this.settings
    const signer = new fastifyCookie.Signer([...secrets])
    const store = this.portFor((cookie) => stringifySetCookie({ ...cookie, name: 'name', value: 'value' }))
    const hooks = sessionHooks({
      store: store as SessionStore, // what it holds, @fastify/session has written, or express-session
      secret: signer,
      cookieName,
      cookiePrefix,
      saveUninitialized: false,
      rolling: false,
      cookie: this.cookie,
    })
    const onLateError = (): void => this.reportUnsaved()
    this.#viewParts = { hooks, signer, cookieName, cookiePrefix, secure, onLateError }
    this.#exchanges = exchanges
  }

  /** Gives all requests of a scope their `session`, unless the app registered one of its own before. */
  decorate(app: FastifyInstance): void {
    if (app.hasRequestDecorator('session')) return
    this.#isDecorated = true
    const viewOf = (request: FastifyRequest): SessionView | undefined =>
      this.#exchanges.find(request)?.session as SessionView | undefined
    app.decorateRequest('session', {
      getter(this: FastifyRequest) {
        return viewOf(this)?.look() as FastifyRequest['session'] // null once it was destroyed
      },
      setter(this: FastifyRequest, session: FastifyRequest['session']) {
        viewOf(this)?.assign(session)
      },
    })
  }

  protected begin({ native, reply }: FastifyExchange): SessionView | undefined {
    return this.#isDecorated ? new SessionView(this.#viewParts, native, reply) : undefined
  }
}
