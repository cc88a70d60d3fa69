import { promisify } from 'node:util'
import type { Logger } from '@latchkey/core'
import type { AppSessionParts, AppSessionSettings } from '@latchkey/core/adapter'
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
  readonly #settings: AppSessionSettings
  readonly #deleteLater: AppSessionParts['deleteLater']
  readonly #log: Logger
  readonly #states: RequestStates
  readonly #viewParts: SessionViewParts
  readonly #defineOn: (req: Request) => void

  constructor({ settings, store, deleteLater }: AppSessionParts, states: RequestStates, log: Logger) {
    const { secrets, cookieName, cookieMaxAgeSeconds, secure, idleSeconds } = settings
    this.#settings = settings
    this.#deleteLater = deleteLater
    this.#log = log
    this.#states = states
    const handler = session({
      store: new PortStore(store, idleSeconds),
      secret: [...secrets],
      name: cookieName,
      resave: false,
      saveUninitialized: false,
      rolling: false,
      cookie: { httpOnly: true, sameSite: 'lax', path: '/', secure, maxAge: cookieMaxAgeSeconds * 1000 },
    })
    const onLateError = (): void =>
      log.error({ event: 'app_session.save_failed' }, 'req.session could not be saved.')
    this.#viewParts = { handler, secure, onLateError }
    this.#defineOn = sessionAccessors((req) => states.of(req).session)
  }

  /**
   * Gives the request its `session`, unless the app mounted a session of its own before. Resolves when it is read, and
   * never rejects; `undefined` when there is nothing to read, as for most requests, which then wait for nothing.
   */
  attach(req: Request, res: Response): Promise<void> | undefined {
    const state = this.#states.of(req)
    if (state.session !== undefined || 'session' in req) return undefined
    const view = new SessionView(this.#viewParts, req, res)
    state.session = view
    this.#defineOn(req)
    return this.#hasCookie(req) ? view.load() : undefined
  }

  /** At sign-in: what stands under the kept keys moves to a new id, the rest goes. */
  async renew(req: Request, res: Response): Promise<void> {
    await this.#change(req, res, async (current) => {
      const kept = Object.entries(current).filter(([key]) => this.#settings.keep.includes(key))
      if (kept.length === 0) return this.#destroy(current, res)
      await promisify(current.regenerate.bind(current))()
      for (const [key, value] of kept) Reflect.set(req.session, key, value)
    })
  }

  /** At sign-out: everything goes. */
  async destroy(req: Request, res: Response): Promise<void> {
    await this.#change(req, res, (current) => this.#destroy(current, res))
  }

  async #change(
    req: Request,
    res: Response,
    change: (current: Request['session']) => Promise<void>,
  ): Promise<void> {
    await this.attach(req, res)
    const view = this.#states.of(req).session
    if (view === undefined || (!view.isStarted && !this.#hasCookie(req))) return
    const { id } = view
    try {
      if (view.session) await change(view.session)
    } catch {
      // The sign-in or sign-out itself is done, so the browser loses the cookie now, and the data go when they can.
      this.#dropCookie(res)
      if (id !== undefined) this.#deleteLater(id)
      this.#log.error(
        { event: 'app_session.change_failed' },
        'req.session could not be replaced: its cookie is dropped, and its data are deleted once the store is back.',
      )
    }
  }

  async #destroy(current: Request['session'], res: Response): Promise<void> {
    await promisify(current.destroy.bind(current))()
    this.#dropCookie(res)
  }

  #dropCookie(res: Response): void {
    const { cookieName, secure } = this.#settings
    const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
    res.append('Set-Cookie', `${cookieName}=; Max-Age=0; ${attributes}`)
  }

  #hasCookie(req: Request): boolean {
    return req.headers.cookie?.includes(`${this.#settings.cookieName}=`) ?? false
  }
}
