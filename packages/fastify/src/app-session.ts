import type { Logger } from '@latchkey/core'
import { type AppSessionParts, AppSessions } from '@latchkey/core/adapter'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PortStore } from './port-store.ts'
import type { RequestStates } from './request-state.ts'
import { type Cookies, cookies, sessionHooks } from './session-library.ts'
import { SessionView, type SessionViewParts } from './session-view.ts'

/** express-session writes its cookies like this, so that the two can share them. */
const cookiePrefix = 's:'

/**
 * The app's own session: @fastify/session over the same store as everything else. Without its cookie and untouched it
 * costs nothing; with its cookie it is read before the app's handlers run.
 */
export class AppSession {
  readonly #parts: AppSessionParts
  readonly #sessions: AppSessions
  readonly #states: RequestStates
  #viewParts: SessionViewParts | undefined

  constructor(parts: AppSessionParts, states: RequestStates, log: Logger) {
    this.#parts = parts
    this.#sessions = new AppSessions(parts, log)
    this.#states = states
  }

  /** Gives all requests of a scope their `session`, unless the app registered one of its own before. */
  async decorate(app: FastifyInstance): Promise<void> {
    if (app.hasRequestDecorator('session')) return
    this.#viewParts ??= await this.#makeViewParts()
    const states = this.#states
    app.decorateRequest('session', {
      getter(this: FastifyRequest) {
        return states.of(this).session?.look() as FastifyRequest['session'] // null once it was destroyed
      },
      setter(this: FastifyRequest, session: FastifyRequest['session']) {
        states.of(this).session?.assign(session)
      },
    })
  }

  /**
   * Begins the session of a request. Resolves when it is read, and never rejects; `undefined` when there is nothing to
   * read, as for most requests, which then wait for nothing.
   */
  attach(request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined {
    const state = this.#states.of(request)
    if (state.session !== undefined || this.#viewParts === undefined) return undefined
    const view = new SessionView(this.#viewParts, request, reply)
    state.session = view
    return this.#sessions.isNamedIn(request.headers.cookie) ? view.load() : undefined
  }

  /** At a sign-in or sign-out. See {@link AppSessions}. */
  async change(how: 'renew' | 'destroy', request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.attach(request, reply)
    const view = this.#states.of(request).session
    const setCookie = await this.#sessions.change(how, view, request.headers.cookie)
    if (setCookie !== undefined) reply.header('set-cookie', setCookie)
  }

  async #makeViewParts(): Promise<SessionViewParts> {
    const { secrets, cookieName, secure, idleSeconds } = this.#parts.settings
    const written = await cookies()
    const hooks = await sessionHooks({
      store: new PortStore(this.#parts.store, idleSeconds, (cookie) => isSendable(written, cookie)),
      secret: [...secrets],
      cookieName,
      cookiePrefix,
      saveUninitialized: false,
      rolling: false,
      cookie: this.#sessions.cookie,
    })
    const onLateError = (): void => this.#sessions.reportUnsaved()
    return { hooks, cookies: written, cookieName, cookiePrefix, secrets, secure, onLateError }
  }
}

function isSendable({ serialize }: Cookies, cookie: object): boolean {
  const { expires } = cookie as { readonly expires?: unknown } // any value of parsed JSON
  const options = typeof expires === 'string' ? { ...cookie, expires: new Date(expires) } : cookie
  try {
    serialize('name', 'value', options)
    return true
  } catch {
    return false
  }
}
