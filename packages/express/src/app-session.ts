import type { Logger } from '@latchkey/core'
import { type AppSessionParts, AppSessions } from '@latchkey/core/adapter'
import type { Request, Response } from 'express'
import session from 'express-session'
import { PortStore } from './port-store.ts'
import type { RequestStates } from './request-state.ts'
import { SessionView, type SessionViewParts, sessionAccessors } from './session-view.ts'

/**
 * The app's own session: express-session over the same store as everything else. Without its cookie and untouched it
 * costs nothing; with its cookie it is read before the app's handlers run.
 */
export class AppSession {
  readonly #sessions: AppSessions
  readonly #states: RequestStates
  readonly #viewParts: SessionViewParts
  readonly #defineOn: (req: Request) => void

  constructor(parts: AppSessionParts, states: RequestStates, log: Logger) {
    const { secrets, cookieName, secure, idleSeconds } = parts.settings
    this.#sessions = new AppSessions(parts, log)
    this.#states = states
    const handler = session({
      store: new PortStore(parts.store, idleSeconds),
      secret: [...secrets],
      name: cookieName,
      resave: false,
      saveUninitialized: false,
      rolling: false,
      cookie: this.#sessions.cookie,
    })
    this.#viewParts = { handler, secure, onLateError: () => this.#sessions.reportUnsaved() }
    this.#defineOn = sessionAccessors((req) => states.of(req).session)
  }

  /**
   * Gives the request its `session`, unless the app mounted a session of its own before. Resolves when it is read, and
   * never rejects; `undefined` when there is nothing to read, as for most requests, which then wait for nothing.
   */
  attach(req: Request, res: Response): Promise<void> | undefined {
    const state = this.#states.of(req)
    const { cookie } = req.headers
    if (state.session !== undefined || 'session' in req) return undefined
    const view = new SessionView(this.#viewParts, req, res)
    state.session = view
    this.#defineOn(req)
    return this.#sessions.isNamedIn(cookie) ? view.load() : undefined
  }

  /** At a sign-in or sign-out. See {@link AppSessions}. */
  async change(how: 'renew' | 'destroy', req: Request, res: Response): Promise<void> {
    await this.attach(req, res)
    const view = this.#states.of(req).session
    const setCookie = await this.#sessions.change(how, view, req.headers.cookie)
    if (setCookie !== undefined) res.append('Set-Cookie', setCookie)
  }
}
